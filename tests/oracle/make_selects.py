"""Joins, groups, windows and set operations of all kinds, and what DuckDB answers.

    python make_selects.py --random 400 --seed 1 ../e2e/adql/random_selects.txt

The tables are those of ../e2e/adql/data. Sources of queries are tables and derived tables: grouped,
distinct, united, with constants beside aggregates; they meet in inner and outer joins.
"""

import argparse
from pathlib import Path

import duckdb
from make_subqueries import Dice, case, connect

COLUMNS = {
    "Star": {"whole": ["starId", "n"], "part": ["gMag", "iMag"], "text": ["name"]},
    "Epoch": {"whole": ["starId", "visit"], "part": ["psfFlux", "psfFluxErr"], "text": []},
    "Visit": {"whole": ["visit"], "part": ["mjd"], "text": ["band"]},
}
NUMBERS = ["0", "1", "3", "7", "101", "102", "-7"]
WORDS = ["'g'", "'i'", "'beta'", "'Alpha'"]


class Source:
    """What stands in FROM under an alias: its text, and its columns by kind."""

    def __init__(self, text, alias, columns):
        self.text = text
        self.columns = {kind: [f"{alias}.{name}" for name in names] for kind, names in columns.items()}


class Maker(Dice):
    """Makes up queries."""

    def of(self, sources, kind):
        """A column of a kind; a literal where there is none."""
        columns = [name for source in sources for name in source.columns[kind]]
        literals = {"whole": NUMBERS, "part": ["5e-1", "1.9e1", "1e2"], "text": WORDS}[kind]
        return self.dice.choice(columns if columns and self.chance(0.9) else literals)

    def value(self, sources, kind, depth=1):
        if depth == 0 or self.chance(0.6):
            return self.of(sources, kind)
        form = self.dice.random()
        inner = [self.value(sources, kind, depth - 1) for _ in range(2)]
        if form < 0.4:
            return f"COALESCE({inner[0]}, {inner[1]})"
        if form < 0.7:
            condition = self.condition(sources, depth - 1)
            return f"CASE WHEN {condition} THEN {inner[0]} ELSE {inner[1]} END"
        if kind == "text":
            return f"UPPER({inner[0]})"
        return f"({inner[0]} {self.one('+', '-')} {inner[1]})"

    def condition(self, sources, depth=1):
        form = self.dice.random()
        if depth and form < 0.35:
            parts = [self.condition(sources, depth - 1) for _ in range(2)]
            return self.one(
                f"({parts[0]} AND {parts[1]})", f"({parts[0]} OR {parts[1]})", f"NOT ({parts[0]})"
            )
        kind = self.one("whole", "whole", "part", "text")
        value = self.value(sources, kind, depth)
        if form < 0.55:
            return f"{value} IS {self.one('', 'NOT ')}NULL"
        if form < 0.65:
            items = ", ".join(self.of([], kind) for _ in range(2))
            return f"{value} {self.one('', 'NOT ')}IN ({items})"
        operator = self.one("=", "<>", "<", ">", "<=", ">=")
        return f"{value} {operator} {self.value(sources, kind, depth)}"

    def where(self, sources, depth=1, probability=0.6):
        return f" WHERE {self.condition(sources, depth)}" if self.chance(probability) else ""

    def table(self):
        name, alias = self.one("Star", "Epoch", "Epoch", "Visit"), self.alias()
        return Source(f"{name} AS {alias}", alias, COLUMNS[name])

    def derived(self):
        """A derived table of columns i, f and s."""
        inner, alias = [self.table()], self.alias()
        columns = {"whole": ["i", "m"], "part": ["f"], "text": ["s"]}
        form = self.dice.random()
        source = f"FROM {inner[0].text}{self.where(inner)}"
        if form < 0.3:
            constants = f"{self.one(*NUMBERS)} AS i, {self.one(*WORDS)} AS s"
            text = f"SELECT {constants}, COUNT(*) AS m, MAX({self.of(inner, 'part')}) AS f {source}"
        elif form < 0.6:
            key, text_key = self.of(inner, "whole"), self.value(inner, "text")
            names = inner[0].columns["whole"]
            key = key if key in names else names[0]
            text = f"SELECT {key} AS i, MIN({text_key}) AS s, COUNT(*) AS m, MAX({self.of(inner, 'part')}) AS f"
            text += f" {source} GROUP BY {key}"
        else:
            text = self.items(inner, source)
            if form < 0.85:
                other = [self.table()]
                more = self.items(other, f"FROM {other[0].text}{self.where(other)}")
                operator = self.one("UNION", "UNION ALL", "UNION ALL", "EXCEPT", "INTERSECT")
                text = f"{text} {operator} {more}"
            else:
                text = text.replace("SELECT", "SELECT DISTINCT", 1)
        return Source(f"({text}) AS {alias}", alias, columns)

    def items(self, sources, source):
        i, m = (self.value(sources, "whole") for _ in range(2))
        f, s = self.value(sources, "part"), self.value(sources, "text")
        return f"SELECT {i} AS i, {s} AS s, {m} AS m, {f} AS f {source}"

    def source(self):
        return self.derived() if self.chance(0.35) else self.table()

    def tables(self):
        """A FROM, and what can be read of it."""
        sources = [self.source()]
        text = sources[0].text
        for _ in range(self.one(0, 1, 1, 2)):
            added = self.source()
            join = self.one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "RIGHT JOIN")
            keys = [self.dice.choice(s.columns["whole"]) for s in (self.dice.choice(sources), added)]
            condition = f"{keys[0]} = {keys[1]}{self.one('', '', ' - 100')}"
            # DuckDB has full joins on equalities only.
            if join != "FULL JOIN" and self.chance(0.4):
                condition += f" AND {self.condition([*sources, added], 0)}"
            text += f" {join} {added.text} ON {condition}"
            sources.append(added)
        return text, sources

    def grouped(self):
        text, sources = self.tables()
        keys = [c for s in sources for kind in ("whole", "text") for c in s.columns[kind]]
        keys = self.dice.sample(keys, min(len(keys), self.one(0, 1, 1, 2)))
        aggregates = [
            self.one("COUNT(*)", f"COUNT({self.of(sources, 'part')})", f"SUM({self.of(sources, 'whole')})",
                     f"MIN({self.value(sources, 'text')})", f"MAX({self.value(sources, 'whole')})",
                     f"COUNT(DISTINCT {self.of(sources, 'whole')})")
            for _ in range(2)
        ]
        items = [*keys, *aggregates]
        query = f"SELECT {named(items)} FROM {text}{self.where(sources)}"
        if keys:
            query += f" GROUP BY {', '.join(keys)}"
        if self.chance(0.4):
            query += f" HAVING {self.one('COUNT(*)', aggregates[0].replace('MIN', 'COUNT'))} >= {self.one('0', '1', '2')}"
        return query, len(items)

    def windowed(self):
        text, sources = self.tables()
        columns = [c for s in sources for kind in s.columns for c in s.columns[kind]]
        parts = self.one("", f"PARTITION BY {self.value(sources, self.one('whole', 'text'))} ")
        order = f"{self.value(sources, 'whole')}{self.one('', ' DESC')}, {', '.join(columns)}"
        whole = self.of(sources, "whole")
        call = self.one(
            "ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(2)", f"LAG({whole}, 1)", f"LEAD({whole}, 2, -1)",
            f"SUM({whole})", f"COUNT({whole})", f"MIN({whole})", f"FIRST_VALUE({whole})",
        )
        frame = ""
        if call.startswith(("SUM", "COUNT", "MIN", "FIRST")):
            frame = self.one("", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS 2 PRECEDING",
                             " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")
        items = [self.of(sources, "whole"), f"{call} OVER ({parts}ORDER BY {order}{frame})"]
        query = f"SELECT {named(items)} FROM {text}{self.where(sources)}"
        # The first rows of each group.
        if call.startswith(("ROW", "RANK")) and self.chance(0.6):
            query = f"SELECT k0, k1 FROM ({query}) AS ranked WHERE k1 <= {self.one('1', '2')}"
        return query, 2

    def united(self):
        kinds = [self.one("whole", "part", "text") for _ in range(2)]
        sides = []
        for _ in range(2):
            text, sources = self.tables()
            items = [self.value(sources, kind) for kind in kinds]
            sides.append(f"SELECT {named(items)} FROM {text}{self.where(sources)}")
        operator = self.one("UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")
        return f"{sides[0]} {operator} {sides[1]}", 2

    def plain(self):
        text, sources = self.tables()
        items = [self.value(sources, self.one("whole", "part", "text")) for _ in range(self.one(2, 3))]
        distinct = self.one("", "", "DISTINCT ")
        top = self.one("", "", "TOP 3 ")
        return f"SELECT {distinct}{top}{named(items)} FROM {text}{self.where(sources)}", len(items)

    def query(self):
        self.n_aliases = 0
        form = self.dice.random()
        make = (
            self.plain if form < 0.4 else self.grouped if form < 0.65
            else self.windowed if form < 0.85 else self.united
        )
        query, n_items = make()
        return f"{query} ORDER BY {', '.join(str(n + 1) for n in range(n_items))}"


def named(items):
    return ", ".join(f"{item} AS k{place}" for place, item in enumerate(items))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--random", type=int, default=400, help="how many queries")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    database = connect()
    database.execute("SET default_null_order = 'nulls_last'")
    maker = Maker(args.seed)
    seen, cases = set(), []
    while len(cases) < args.random:
        query = maker.query()
        if query in seen:
            continue
        seen.add(query)
        try:
            made = case(database, query)
        except duckdb.Error:
            # What it does not take, or what overflows there.
            continue
        is_empty = made.endswith("----")
        if made.count("\n") <= 30 and (not is_empty or maker.chance(0.1)):
            cases.append(made)
    head = f"# Made up by ../../oracle/make_selects.py, seed {args.seed}; the answers are DuckDB's."
    args.file.write_text("\n\n".join([head, *cases]) + "\n")


if __name__ == "__main__":
    main()
