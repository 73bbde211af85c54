# SPDX-License-Identifier: Apache-2.0
"""The site of `make site`: its links lead to places, a browser shows all of every page, and the
search finds the page that a newcomer needs.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import pytest

from tests.test_docs import ORDER

pytest.importorskip("furo", reason="builds the site")
pytestmark = pytest.mark.slow
_ROOT = pathlib.Path(__file__).parent.parent
_GALLERY = {f"gallery/{name}.html" for name in ("session", "conversation", "fit", "sweep")}
_LINK = re.compile(r'\s(?:href|src)="([^"]+)"')
_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_PLACE = re.compile(r'\s(?:id|name)="([^"]+)"')
# What pages and style sheets load.
_LOADED = re.compile(r'<(?:script|img|iframe|link)\s[^>]*?(?:src|href)="([^"]+)"|url\((.*?)\)')
# What a reader cannot see at this width: parts beyond the page, or cut by what is around them, and
# images that are not there.
_CUT = """
const hides = (each) => ["hidden", "clip"].includes(getComputedStyle(each).overflowX);
const parts = [...document.querySelectorAll("main *, article *")];
return [
  ...(document.documentElement.scrollWidth > innerWidth ? ["the page is too wide"] : []),
  ...parts.filter((each) => each.clientWidth > 1 && each.scrollWidth > each.clientWidth + 1)
    .filter(hides).map((each) => `cut: ${each.outerHTML.slice(0, 200)}`),
  ...[...document.images].filter((each) => !each.naturalWidth).map((each) => `gone: ${each.src}`),
];
"""
# What newcomers type, and the page that they look for.
_SEARCHES = {
    "bandit": "docs/policies",
    "cold start": "docs/environments",
    "custom reward": "docs/own_environment",
    "position bias": "docs/environments",
    "seed": "docs/runs",
    "resume": "docs/faults",
    "GPU": "docs/runs",
    "propensity": "docs/ope",
    "doubly robust": "docs/ope",
    "slate": "docs/glossary",
    "out of memory": "docs/faults",
    "gymnasium": "docs/gymnasium",
    "cite": "index",
    "choice model": "docs/own_environment",
    "csv": "docs/own_log",
    "checkpoint": "docs/runs",
    "stable baselines": "docs/gymnasium",
    "non-stationary": "docs/worlds",
    "install": "docs/start",
    "hyperparameter": "docs/runs",
}
# The same in other words.
_PHRASES = {
    "how to resume": "docs/faults",
    "position-bias": "docs/environments",
    "cold start of items": "docs/environments",
    "off policy evaluation": "docs/ope",
    "multi gpu": "docs/runs",
}
# As much of a browser as the scripts of the search page need before they search.
_RUN = """
const fs = require("node:fs"), vm = require("node:vm");
const [folder, scripts, queries] = JSON.parse(fs.readFileSync(0, "utf-8"));
const page = { readyState: "loading", addEventListener() {}, getElementById: () => null };
const browser = { document: page, localStorage: { setItem() {} }, console };
browser.window = browser;
vm.createContext(browser);
for (const script of scripts)
  vm.runInContext(fs.readFileSync(`${folder}/${script}`, "utf-8"), browser);
browser.queries = queries;
console.log(vm.runInContext(`JSON.stringify(
  queries.map((query) => Search._performSearch(...Search._parseQuery(query)).reverse())
)`, browser));
"""


def _write(script: str, folder: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, str(_ROOT / "docs" / script), str(folder)],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site without the pages that the gallery opens."""
    folder = tmp_path_factory.mktemp("built") / "site"
    _write("website.py", folder)
    return folder


@pytest.fixture(scope="module")
def whole_site(site):
    whole = shutil.copytree(site, site.with_name("whole"))
    _write("gallery.py", whole / "gallery")
    return whole


@pytest.fixture(scope="module")
def browser():
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1400,900"):
        options.add_argument(f"--{argument}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")  # There is no network.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chromium:
        yield chromium


def _pages(site: pathlib.Path) -> list[pathlib.Path]:
    return sorted(site.rglob("*.html"))


def _broken(site: pathlib.Path) -> set[str]:
    """Links within the site that lead nowhere, relative to it."""
    texts = {path: _SCRIPT.sub("", path.read_text(encoding="utf-8")) for path in _pages(site)}
    places = {path: {"", *_PLACE.findall(text)} for path, text in texts.items()}
    broken = set()
    for path, text in texts.items():
        for link in set(_LINK.findall(text)):
            address = urllib.parse.urlsplit(link)
            if address.scheme:
                continue
            file = urllib.parse.unquote(address.path)
            target = pathlib.Path(os.path.normpath(path.parent / file)) if file else path
            if not target.is_file() or address.fragment not in places.get(target, {""}):
                broken.add(os.path.relpath(target, site) + f"#{address.fragment}".rstrip("#"))
    return broken


def test_every_link_leads_to_a_page_and_a_place_in_it(site):
    assert _broken(site) == _GALLERY


def test_the_menu_has_the_pages_in_the_order_of_readme(site):
    menu = re.findall(
        r'class="reference internal" href="docs/(\w+)\.html"',
        (site / "index.html").read_text(encoding="utf-8").split('<div class="main">')[0],
    )
    assert tuple(menu) == ORDER


def test_nothing_is_loaded_from_elsewhere(site):
    texts = [path.read_text("utf-8") for path in [*_pages(site), *site.rglob("*.css")]]
    loaded = {"".join(parts) for text in texts for parts in _LOADED.findall(text)}
    assert not [each for each in loaded if "//" in each.partition("data:")[0]]


@pytest.mark.long
def test_a_browser_shows_all_of_every_page(browser, whole_site):
    assert _broken(whole_site) == set()
    problems = {}
    for path in _pages(whole_site):
        page = path.relative_to(whole_site)
        browser.get(path.as_uri())
        for width in (1000, 420):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            problems[page, width] = browser.execute_script(_CUT)
        problems[page, "console"] = browser.get_log("browser")
    assert not {page: faults for page, faults in problems.items() if faults}


@pytest.mark.parametrize(
    ("page", "box", "words", "results"),
    [
        ("index.html", "input.sidebar-search", "horizon\n", "ul.search a[href*='docs/']"),
        ("index.html", "input.sidebar-search", "particles\n", "ul.search a[href*='reference']"),
        ("api/recsim_tf.html", "input[type=search]", "NUTS", "main.pdoc a[href*='#NUTS']"),
    ],
)
def test_the_search_finds_pages_without_a_network(page, box, words, results, site, browser):
    from selenium.webdriver.support.wait import WebDriverWait

    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get((site / page).as_uri())
    browser.find_element("css selector", box).send_keys(words)
    WebDriverWait(browser, 30).until(lambda _: browser.find_elements("css selector", results))
    assert not [each for each in browser.get_log("browser") if each["level"] != "INFO"]


def _found(site, queries) -> dict[str, list[str]]:
    """The pages that the search shows for each query, the best first."""
    text = (site / "search.html").read_text(encoding="utf-8")
    scripts = re.findall(r'<script src="((?:_static/)?\w+\.js)', text)
    assert {"_static/searchtools.js", "searchindex.js"} <= set(scripts)
    done = subprocess.run(
        ["node", "-e", _RUN],
        input=json.dumps([str(site), scripts, list(queries)]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    return {query: [each[0] for each in rows] for query, rows in zip(queries, results, strict=True)}


@pytest.mark.skipif(not shutil.which("node"), reason="runs the search of the site under Node")
def test_the_search_shows_the_right_page_first_or_second(site):
    pages = _found(site, _SEARCHES)
    ranks = {
        query: pages[query].index(page) + 1 if page in pages[query] else None
        for query, page in _SEARCHES.items()
    }
    for query, page in _SEARCHES.items():
        print(f"{query:20}{page:24}{ranks[query]}")
    assert sum(rank in (1, 2) for rank in ranks.values()) >= 18, ranks


@pytest.mark.skipif(not shutil.which("node"), reason="runs the search of the site under Node")
def test_the_search_finds_a_page_by_some_words_in_any_form(site):
    assert {query: pages[0] for query, pages in _found(site, _PHRASES).items()} == _PHRASES
