"""Subqueries of all kinds, and what DuckDB answers, which unnests every one of them.

    python make_subqueries.py ../e2e/adql/correlated.txt
        asks DuckDB the queries of that file anew and writes its answers
    python make_subqueries.py --random 300 --seed 1 ../e2e/adql/correlated_random.txt
        makes up queries, and writes them with the answers

The tables are those of ../e2e/adql/data. The queries are ADQL; TOP becomes LIMIT for DuckDB.
"""

import argparse
import random
import re
from pathlib import Path

import duckdb

DATA = Path(__file__).parent.parent / "e2e/adql/data"
COLUMNS = {
    "Star": {
        "starId": "bigint", "coord_ra": "double", "coord_dec": "double", "name": "varchar",
        "gMag": "float", "iMag": "float", "x": "double", "n": "integer", "variable": "boolean",
    },
    "Visit": {"visit": "bigint", "band": "varchar", "mjd": "double", "begin": "timestamp"},
    "Epoch": {"starId": "bigint", "visit": "bigint", "psfFlux": "float", "psfFluxErr": "float"},
}


def connect():
    """Open a database with the tables; what is no number is NULL, as everywhere in the engine."""
    database = duckdb.connect()
    for table, columns in COLUMNS.items():
        items = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in columns.items())
        path = DATA / f"{table}.csv"
        database.execute(
            f"CREATE TABLE {table} AS SELECT {items} "
            f"FROM read_csv('{path}', header = true, all_varchar = true)"
        )
        for name, kind in columns.items():
            if kind in ("double", "float"):
                database.execute(f"UPDATE {table} SET {name} = NULL WHERE isnan({name})")
    database.execute("CREATE MACRO POINT(lon, lat) AS {'lon': lon, 'lat': lat}")
    database.execute(
        "CREATE MACRO DISTANCE(p, q) AS degrees(2 * asin(least(1, sqrt("
        "pow(sin(radians(q.lat - p.lat) / 2), 2) + cos(radians(p.lat)) * cos(radians(q.lat)) * "
        "pow(sin(radians(q.lon - p.lon) / 2), 2)))))"
    )
    return database


def in_sql(query):
    """Move each TOP to the end of its SELECT, as LIMIT."""
    while True:
        found = list(re.finditer(r"\bSELECT\s+(DISTINCT\s+)?TOP\s+(\d+)\s", query, re.I))
        if not found:
            return query
        top = found[-1]
        depth, end = 0, top.end()
        while end < len(query) and depth >= 0:
            depth += {"(": 1, ")": -1}.get(query[end], 0)
            end += 1
        end -= depth < 0
        head = f"{query[: top.start()]}SELECT {top.group(1) or ''}"
        query = f"{head}{query[top.end() : end]} LIMIT {top.group(2)}{query[end:]}"


def shown(value):
    """Write a value as the tests do."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or "''"


def case(database, query):
    """A case of a test file."""
    answer = database.execute(in_sql(query)).fetchall()
    rows = [" | ".join(map(shown, row)) for row in answer]
    if "ORDER BY" not in query.upper():
        rows.sort()
    return "\n".join(["rows", query, "----", *rows])


def again(database, text):
    """Ask the queries of a test file anew."""
    blocks = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if "----" not in lines:
            blocks.append(block)
            continue
        comments = [line for line in lines if line.startswith("#")]
        query = " ".join(lines[len(comments) + 1 : lines.index("----")])
        blocks.append("\n".join([*comments, case(database, query)]))
    return "\n\n".join(blocks) + "\n"


class Dice:
    """Draws what queries are made of, the same for the same seed."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.n_aliases = 0

    def one(self, *choices):
        return self.dice.choice(choices)

    def chance(self, probability):
        return self.dice.random() < probability

    def alias(self):
        self.n_aliases += 1
        return f"t{self.n_aliases}"


class Maker(Dice):
    """Makes up queries. A scope is a list of (alias, table), the innermost query's first."""

    NUMBERS = {
        "Star": ["{}.starId", "{}.starId", "{}.n"],
        "Epoch": ["{}.starId", "{}.visit - 100"],
        "Visit": ["{}.visit - 100"],
    }
    FRACTIONS = {"Star": ["{}.gMag", "{}.iMag", "{}.x"], "Epoch": ["{}.psfFlux"], "Visit": ["{}.mjd"]}
    KEYS = {"Star": ["{}.starId"], "Epoch": ["{}.starId", "{}.visit"], "Visit": ["{}.visit"]}

    def number(self, scope):
        """A whole number, of a column near or far."""
        if self.chance(0.08):
            return str(self.dice.randint(0, 7))
        alias, table = scope[0] if self.chance(0.5) else self.dice.choice(scope)
        return self.one(*self.NUMBERS[table]).format(alias)

    def fraction(self, scope):
        alias, table = scope[0] if self.chance(0.5) else self.dice.choice(scope)
        return self.one(*self.FRACTIONS[table]).format(alias)

    def comparison(self, scope):
        if self.chance(0.2):
            return f"{self.fraction(scope)} {self.one('<', '>', '<=')} {self.fraction(scope)}"
        if self.chance(0.1):
            return f"{self.number(scope)} IS {self.one('', 'NOT ')}NULL"
        operator = self.one("=", "=", "=", "<", ">=", "<>")
        return f"{self.number(scope)} {operator} {self.number(scope)}"

    def condition(self, scope, depth):
        """A condition, with subqueries as deep as `depth`."""
        kind = self.dice.random()
        if depth == 0 or kind < 0.3:
            return self.comparison(scope)
        if kind < 0.42:
            operator = self.one("AND", "OR", "OR")
            left, right = (self.condition(scope, depth - self.one(0, 1)) for _ in range(2))
            return f"({left} {operator} {right})"
        if kind < 0.5:
            return f"NOT ({self.condition(scope, depth)})"
        if kind < 0.64:
            return f"{self.one('', 'NOT ')}EXISTS ({self.rows(scope, depth - 1)})"
        if kind < 0.8:
            value = self.number(scope)
            return f"{value} {self.one('', 'NOT ')}IN ({self.rows(scope, depth - 1)})"
        if kind < 0.86:
            inner = self.condition(scope, depth - 1)
            values = (self.number(scope) for _ in range(3))
            return "CASE WHEN {} THEN {} ELSE {} END >= {}".format(inner, *values)
        operator = self.one("=", "<", ">=", "<>")
        return f"{self.number(scope)} {operator} ({self.value(scope, depth - 1)})"

    def tables(self, scope, depth):
        """A FROM, and the scope inside."""
        table, alias = self.one("Star", "Epoch", "Epoch", "Visit"), self.alias()
        text, inside = f"{table} AS {alias}", [(alias, table), *scope]
        kind = self.dice.random()
        if kind < 0.1:
            where = self.condition(inside, max(depth, 0) and depth - 1)
            items = ", ".join(f"{alias}.{name} AS {name}" for name in COLUMNS[table] if name != "begin")
            text = f"(SELECT {items} FROM {table} AS {alias} WHERE {where}) AS {alias}d"
            inside = [(f"{alias}d", table), *scope]
        if self.chance(0.3):
            other, name = self.one("Star", "Epoch", "Visit"), self.alias()
            inside = [(name, other), *inside]
            join = self.one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT JOIN")
            keys = [self.one(*self.NUMBERS[t]).format(a) for a, t in inside[:2]]
            condition = f"{keys[0]} = {keys[1]}"
            # DuckDB has full joins on equalities only, and no subqueries in ON of outer ones.
            if join != "FULL JOIN" and self.chance(0.4):
                condition += f" AND {self.comparison(inside)}"
            text += f" {join} {other} AS {name} ON {condition}"
        return text, inside

    def where(self, scope, depth):
        n_conditions = self.one(0, 1, 1, 2)
        conditions = [self.condition(scope, depth) for _ in range(n_conditions)]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def rows(self, scope, depth):
        """A subquery of one column of whole numbers."""
        kind = self.dice.random()
        if depth > 0 and kind < 0.12:
            operator = self.one("UNION", "UNION ALL", "EXCEPT", "INTERSECT")
            left, right = (self.plain_rows(scope, depth - 1) for _ in range(2))
            return f"{left} {operator} {right}"
        if kind < 0.24:
            tables, inside = self.tables(scope, depth)
            alias, table = inside[0]
            group = self.one(*self.KEYS[table]).format(alias)
            item = self.one(group, "COUNT(*)", f"MAX({self.number(inside[:1])})")
            having = self.one("", f" HAVING COUNT(*) {self.one('<', '>', '=')} {self.number(scope)}")
            return f"SELECT {item} AS c FROM {tables}{self.where(inside, depth)} GROUP BY {group}{having}"
        if kind < 0.32:
            return self.value(scope, depth)
        if kind < 0.44:
            return self.few_rows(scope, depth, self.one(1, 2, 3))
        return self.plain_rows(scope, depth)

    def plain_rows(self, scope, depth):
        tables, inside = self.tables(scope, depth)
        distinct = self.one("", "", "", "DISTINCT ")
        return f"SELECT {distinct}{self.number(inside)} AS c FROM {tables}{self.where(inside, depth)}"

    def few_rows(self, scope, depth, count):
        """The first rows of an order in which only equal ones tie."""
        tables, inside = self.tables(scope, depth)
        item = self.number(inside)
        offset = self.one("", "", " OFFSET 1")
        order = f"ORDER BY c{self.one('', ' DESC')}{offset}"
        return f"SELECT TOP {count} {item} AS c FROM {tables}{self.where(inside, depth)} {order}"

    def value(self, scope, depth):
        """A subquery of one row at most."""
        if self.chance(0.2):
            return self.few_rows(scope, depth, 1)
        tables, inside = self.tables(scope, depth)
        own = self.number(inside[:1])
        if own.isdigit():
            own = "*"
        aggregate = self.one("COUNT(*)", f"COUNT({own})", f"MAX({own})", f"MIN({own})", f"COUNT(DISTINCT {own})")
        aggregate = aggregate.replace("MAX(*)", "COUNT(*)").replace("MIN(*)", "COUNT(*)")
        aggregate = aggregate.replace("DISTINCT *", "*")
        more = self.one("", "", " + 1")
        having = self.one("", "", "", f" HAVING COUNT(*) {self.one('<', '>')} {self.number(scope)}")
        return f"SELECT {aggregate}{more} AS c FROM {tables}{self.where(inside, depth)}{having}"

    def query(self):
        """A whole query."""
        self.n_aliases = 0
        depth = self.one(1, 1, 2, 2, 3)
        tables, scope = self.tables([], 0)
        keys = [self.one(*self.KEYS[table]).format(alias) for alias, table in scope]
        items = [f"{key} AS k{n}" for n, key in enumerate(keys)]
        if self.chance(0.4):
            items.append(f"({self.value(scope, depth - 1)}) AS c")
        if self.chance(0.15):
            condition = self.condition(scope, depth)
            items.append(f"CASE WHEN {condition} THEN 1 ELSE 0 END AS w")
        where = self.where(scope, depth)
        order = ", ".join(str(n + 1) for n in range(len(items)))
        return f"SELECT {', '.join(items)} FROM {tables}{where} ORDER BY {order}"


def made_up(database, count, seed):
    """Test cases with subqueries that DuckDB answers, and not always with nothing or everything."""
    maker, cases = Maker(seed), []
    while len(cases) < count:
        query = maker.query()
        if query.count("SELECT") < 2 or len(query) > 900:
            continue
        try:
            one = case(database, query)
        except duckdb.Error as error:
            if "not implemented" not in str(error).lower() and "not supported" not in str(error).lower():
                print(query, error, sep="\n")
            continue
        is_empty = one.endswith("----")
        if one.count("\n") > 45 or is_empty and maker.chance(0.8):
            continue
        cases.append(one)
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--random", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    database = connect()
    if options.random:
        head = f"# Made up by ../../oracle/make_subqueries.py, seed {options.seed}; the answers are DuckDB's."
        cases = made_up(database, options.random, options.seed)
        options.file.write_text("\n\n".join([head, *cases]) + "\n")
    else:
        options.file.write_text(again(database, options.file.read_text()))


if __name__ == "__main__":
    main()
