# SPDX-License-Identifier: Apache-2.0
"""Small tables in the form of public logs, of users who do what they like."""

from pathlib import Path

import numpy as np
import pandas as pd

START = 1_650_844_800_000  # 25 April 2022, in milliseconds
BRANDS = ("dannon", "hiland", "weight", "yoplait")
MARGARINES = ("PPk_Stk", "PBB_Stk", "PFl_Tub")


def impressions(num_users: int = 60, per_user: int = 8, seed: int = 0) -> pd.DataFrame:
    """Impressions of KuaiRand over ten days."""
    generator = np.random.default_rng(seed)
    number = num_users * per_user
    minutes = generator.integers(0, 10 * 24 * 60, number)
    video = generator.integers(0, 20, number)
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(num_users), per_user) + 100 * seed,
            "video_id": video,
            "time_ms": START + 60_000 * minutes,
            "hourmin": 100 * (minutes // 60 % 24) + minutes % 60,
            "tab": generator.integers(0, 3, number),
            "is_click": (generator.uniform(size=number) < 0.2 + 0.03 * video).astype(int),
        }
    )


def histories(num_users: int = 60) -> pd.DataFrame:
    """Views before: of the first users half were long."""
    long = [[1, 2] if user < num_users / 2 else [] for user in range(num_users)]
    return pd.DataFrame(
        {
            "user_id": range(num_users),
            "watch_seq": [[1, 2, 3, 4]] * num_users,
            "long_watch_seq": long,
        }
    )


def purchases(
    num_households: int = 10, num_purchases: int = 5, columns=("price", "feat"), seed: int = 0
) -> pd.DataFrame:
    """Purchases of households, a row for each alternative."""
    generator = np.random.default_rng(seed)
    shape = [num_households, num_purchases, len(BRANDS)]
    household, purchase, brand = (each.ravel() for each in np.indices(shape))
    chosen = generator.integers(len(BRANDS), size=shape[:2])
    table = pd.DataFrame(
        {
            "id": household,
            "chid": purchase,
            "alt": np.asarray(BRANDS)[brand],
            "choice": (brand == chosen[household, purchase]).astype(int),
        }
    )
    for name in columns:
        table[name] = generator.uniform(0, 2, len(table)).round(2)
    return table


def margarine(num_purchases: int = 40) -> pd.DataFrame:
    """Purchases of ten households in the form of bayesm."""
    generator = np.random.default_rng(0)
    prices = generator.uniform(0.3, 1.0, [num_purchases, len(MARGARINES)]).round(2)
    table = pd.DataFrame(prices, columns=list(MARGARINES))
    return table.assign(hhid=np.arange(num_purchases) // 4, choice=generator.integers(1, 4, 40))


def receipts(num_customers: int = 60, seed: int = 0) -> pd.DataFrame:
    """Receipts of customers in 120 days, some of whom come every week."""
    generator = np.random.default_rng(seed)
    rows = []
    for customer in range(num_customers):
        days = np.cumsum(generator.integers(1, 8 if customer % 2 else 60, 12))
        rows += [(f"{customer:05d}", day) for day in days[days < 120]]
    table = pd.DataFrame(rows, columns=["CUSTOMER_ID", "day"])
    date = pd.Timestamp("2000-11-01") + pd.to_timedelta(table["day"], unit="D")
    # A receipt has several lines.
    table = table.assign(TRANSACTION_DT=date.dt.strftime("%m/%d/%Y"), SALES_PRICE=1)
    return pd.concat([table, table]).sort_values(["CUSTOMER_ID", "day"])


def write(folder: Path) -> None:
    """Writes all of them under the names that benchmarks and configs know."""
    impressions().to_parquet(folder / "kuairand_train.parquet")
    histories().to_parquet(folder / "kuairand_histories.parquet")
    purchases().to_csv(folder / "yogurt.csv", index=False)
    margarine().to_csv(folder / "margarine.csv", index=False)
    columns = ("pf", "cl", "loc", "wk", "tod", "seas")
    purchases(columns=columns).to_csv(folder / "electricity.csv", index=False)
    receipts().to_parquet(folder / "ta_feng.parquet")
