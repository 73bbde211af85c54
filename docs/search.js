// Sphinx finds an entry of the index only by a part of its letters. Here an entry of
// `search_words.py` is found by its words, in any order and form: "how to resume" finds "resume",
// and "cold start of items" finds "cold-start problem". A word counts the less, the more entries
// have it. The pages of these entries stand before others, and the exact words before all.
{
  const bySphinx = Search._performSearch;
  const stemmer = new Stemmer();
  const phrase = (text) => splitQuery(text.toLowerCase()).join(" ");
  const wordsOf = (text) => {
    const words = splitQuery(text).filter((word) => !stopwords.has(word));
    return new Set(words.map((word) => stemmer.stemWord(word)));
  };

  Search._performSearch = (query, terms, ...rest) => {
    const { indexentries, docnames, titles, filenames } = Search._index;
    const entries = Object.entries(indexentries).map(([entry, places]) => {
      return { entry, places, words: wordsOf(entry) };
    });
    const weight = (words) =>
      [...words]
        .map((word) => 1 / Math.max(entries.filter((each) => each.words.has(word)).length, 1))
        .reduce((sum, each) => sum + each, 0);
    const best = new Map();
    for (const { entry, places, words } of entries) {
      const shared = [...words].filter((word) => terms.has(word));
      const share = shared.length ? weight(shared) / weight(new Set([...words, ...terms])) : 0;
      const score = phrase(entry) === phrase(query) ? 101 : Math.round(100 * share);
      if (score < 33) continue;
      for (const [page, anchor] of places)
        if (score > (best.get(docnames[page])?.[4] ?? 0))
          best.set(docnames[page], [
            ...[docnames[page], titles[page], `#${anchor}`, null, score],
            ...[filenames[page], SearchResultKind.index],
          ]);
    }
    const others = bySphinx(query, terms, ...rest).filter(
      ([page, , , , , , kind]) => kind !== SearchResultKind.index || !best.has(page),
    );
    // The search page shows the last one first.
    return [...others, ...[...best.values()].sort(_orderResultsByScoreThenName)];
  };
}
