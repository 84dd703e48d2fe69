//! Random derivations of the grammar: each is ADQL, and printed and parsed again it is the same.
//!
//! The generator knows the standard's productions, not the parser: what it makes is valid by
//! construction, strictly so.

#![allow(clippy::panic)]

use almagest_adql::grammar::{parse, print};
use almagest_adql::{Dialect, Grammar};

/// The same sequence on every run (Numerical Recipes' constants).
struct Draw {
    state: u64,
    depth: usize,
}

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap_or_default() % n
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn maybe(&mut self, text: impl FnOnce(&mut Self) -> String) -> String {
        if self.below(3) == 0 { text(self) } else { String::new() }
    }

    /// One to `most` of a production, with commas between.
    fn list(&mut self, most: usize, item: fn(&mut Self) -> String) -> String {
        let items: Vec<String> = (0..=self.below(most)).map(|_| item(self)).collect();
        items.join(self.one_of(&[", ", ",", " ,\n"]))
    }

    /// A production one level deeper, or a simple one where it is deep enough.
    fn deeper(&mut self, simple: &str, production: fn(&mut Self) -> String) -> String {
        if self.depth >= 3 {
            return simple.to_owned();
        }
        self.depth += 1;
        let text = production(self);
        self.depth -= 1;
        text
    }

    fn name(&mut self) -> String {
        let names = ["a", "ra", "Dec_1", "objectId", "\"a b\"", "\"SELECT\"", "\"x\"\"y\"", "t"];
        self.one_of(&names).to_owned()
    }

    fn qualified(&mut self, most: usize) -> String {
        let parts: Vec<String> = (0..=self.below(most)).map(|_| self.name()).collect();
        parts.join(self.one_of(&[".", ".", " . "]))
    }

    fn column(&mut self) -> String {
        self.qualified(3)
    }

    fn number(&mut self) -> String {
        self.one_of(&["0", "42", "1.5", "2.", ".5", "1e5", "3.2E-7", "00"]).to_owned()
    }

    fn string(&mut self) -> String {
        let strings =
            ["'abc'", "''", "'it''s'", "'a' 'b'", "'x'\n'y'", "'--'", "'\\'", "''''''", "'é'"];
        self.one_of(&strings).to_owned()
    }

    /// `<value_expression_primary>`.
    fn primary(&mut self) -> String {
        match self.below(9) {
            0 | 1 => self.number(),
            2 => self.string(),
            3..=5 => self.column(),
            6 => self.deeper("COUNT(*)", |d| {
                let function = d.one_of(&["AVG", "max", "MIN", "SUM", "COUNT"]);
                let set = d.one_of(&["", "", "DISTINCT ", "ALL "]);
                format!("{function}({set}{})", d.value())
            }),
            7 => self.deeper("x", |d| {
                let target = d.one_of(&[
                    "SMALLINT",
                    "integer",
                    "BIGINT",
                    "REAL",
                    "DOUBLE PRECISION",
                    "CHAR",
                    "CHAR(3)",
                    "VARCHAR(12)",
                    "TIMESTAMP",
                    "POINT",
                    "CIRCLE",
                    "POLYGON",
                ]);
                format!("CAST({} AS {target})", d.value())
            }),
            _ => self.deeper("y", |d| match d.below(2) {
                0 => format!("({})", d.value()),
                _ => format!("COALESCE({}, {})", d.column(), d.list(2, Self::value)),
            }),
        }
    }

    fn numeric(&mut self) -> String {
        let mut text = self.factor();
        for _ in 0..self.below(3) {
            let op = self.one_of(&[" + ", " - ", "*", " / ", "+"]);
            text = format!("{text}{op}{}", self.factor());
        }
        text
    }

    fn factor(&mut self) -> String {
        let sign = self.one_of(&["", "", "", "-", "+", "- "]);
        let primary = match self.below(3) {
            0 => self.deeper("PI()", Self::numeric_function),
            _ => self.primary(),
        };
        // Two minus signs in a row would begin a comment.
        format!(" {sign}{primary}")
    }

    fn numeric_function(&mut self) -> String {
        match self.below(8) {
            0 => format!("{}({})", self.one_of(&["ABS", "sqrt", "LOG10", "COT"]), self.numeric()),
            1 => format!("ATAN2({},{})", self.numeric(), self.numeric()),
            2 => format!("ROUND({}, -2)", self.numeric()),
            3 => self.one_of(&["RAND()", "RAND(5)", "PI()", "COUNT(*)"]).to_owned(),
            4 => {
                let relation = self.one_of(&["CONTAINS", "INTERSECTS"]);
                format!("{relation}({}, {})", self.shape(), self.shape())
            }
            5 => format!("AREA({})", self.shape()),
            6 => match self.below(2) {
                0 => format!("DISTANCE({}, {})", self.point(), self.point()),
                _ => {
                    let coordinates: Vec<String> = (0..4).map(|_| self.numeric()).collect();
                    format!("DISTANCE({})", coordinates.join(","))
                }
            },
            _ => format!("IN_UNIT({}, 'deg')", self.numeric()),
        }
    }

    fn text(&mut self) -> String {
        let factor = |d: &mut Self| match d.below(3) {
            0 => d.deeper("'z'", |d| {
                let function = d.one_of(&["LOWER", "UPPER"]);
                format!("{function}({})", d.text())
            }),
            _ => d.primary(),
        };
        let mut text = factor(self);
        for _ in 0..self.below(3) {
            text = format!("{text} || {}", factor(self));
        }
        text
    }

    /// `<coord_value>`.
    fn point(&mut self) -> String {
        match self.below(3) {
            0 => self.column(),
            1 => self.deeper("POINT(1, 2)", |d| {
                let system = d.one_of(&["", "", "'ICRS', ", "NULL, "]);
                // A string first would be the coordinate system.
                format!("POINT({system}{} + 0, {})", d.column(), d.numeric())
            }),
            _ => self.deeper("POINT('', 3, 4)", |d| format!("CENTROID({})", d.shape())),
        }
    }

    /// `<geometry_value_expression>`.
    fn shape(&mut self) -> String {
        match self.below(6) {
            0 => self.column(),
            1 => self.point(),
            2 => self.deeper("s", |d| {
                let center = d.center();
                format!("CIRCLE({center}, {})", d.numeric())
            }),
            3 => self.deeper("s", |d| {
                let center = d.center();
                format!("BOX({center}, {}, {})", d.numeric(), d.numeric())
            }),
            4 => self.deeper("s", |d| {
                let vertices: Vec<String> = (0..3 + d.below(3)).map(|_| d.point()).collect();
                format!("POLYGON({})", vertices.join(", "))
            }),
            _ => "REGION('CIRCLE ICRS 1 2 3')".to_owned(),
        }
    }

    fn center(&mut self) -> String {
        let system = self.one_of(&["", "", "'ICRS', "]);
        match self.below(2) {
            0 => format!("{system}{}", self.point()),
            _ => format!("{system}{} + 0, {}", self.column(), self.numeric()),
        }
    }

    /// `<value_expression>`.
    fn value(&mut self) -> String {
        match self.below(8) {
            0 => "NULL".to_owned(),
            1 => self.text(),
            2 => self.shape(),
            3 => self.deeper("f", |d| format!("ivo_some({})", d.list(3, Self::value))),
            4 | 5 => self.primary(),
            _ => self.numeric(),
        }
    }

    fn condition(&mut self) -> String {
        let mut text = self.condition_factor();
        for _ in 0..self.below(3) {
            let op = self.one_of(&[" AND ", " OR ", "\nand "]);
            text = format!("{text}{op}{}", self.condition_factor());
        }
        text
    }

    fn condition_factor(&mut self) -> String {
        let not = self.one_of(&["", "", "NOT "]);
        let primary = match self.below(4) {
            0 => self.deeper("x = 1", |d| format!("({})", d.condition())),
            _ => self.predicate(),
        };
        format!("{not}{primary}")
    }

    fn predicate(&mut self) -> String {
        let not = self.one_of(&["", " NOT"]);
        match self.below(7) {
            0 => format!("{}{not} BETWEEN {} AND {}", self.value(), self.value(), self.value()),
            1 => format!("{}{not} IN ({})", self.value(), self.list(3, Self::value)),
            2 => {
                let query = self.deeper("SELECT 1 FROM t", Self::select_expression);
                format!("{}{not} IN ({query})", self.value())
            }
            3 => {
                let like = self.one_of(&["LIKE", "ILIKE"]);
                format!("{}{not} {like} {}", self.text(), self.text())
            }
            4 => format!("{} IS{not} NULL", self.column()),
            5 => format!("EXISTS ({})", self.deeper("SELECT 1 FROM t", Self::select_expression)),
            _ => {
                let op = self.one_of(&["=", " <> ", " != ", "<", " > ", "<=", " >= "]);
                format!("{}{op}{}", self.value(), self.value())
            }
        }
    }

    fn table_name(&mut self) -> String {
        self.qualified(2)
    }

    fn correlation(&mut self) -> String {
        format!("{}{}", self.one_of(&[" AS ", " "]), self.name())
    }

    fn table_primary(&mut self) -> String {
        match self.below(5) {
            0 => {
                let query = self.deeper("SELECT 1 FROM t", Self::select_expression);
                format!("({query}){}", self.correlation())
            }
            1 => self.deeper("t", |d| format!("({})", d.join())),
            _ => format!("{}{}", self.table_name(), self.maybe(Self::correlation)),
        }
    }

    fn join(&mut self) -> String {
        let left = self.table_primary();
        let kind = self.one_of(&["", "LEFT ", "RIGHT OUTER ", "FULL ", "INNER "]);
        let right = self.table_primary();
        match self.below(4) {
            0 => format!("{left} NATURAL {kind}JOIN {right}"),
            1 => format!("{left} {kind}JOIN {right} USING ({})", self.list(2, Self::name)),
            2 if kind != "INNER " => format!("{left} {kind}JOIN {right}"),
            _ => format!("{left} {kind}JOIN {right} ON {}", self.condition()),
        }
    }

    fn table_reference(&mut self) -> String {
        match self.below(3) {
            0 => self.deeper("t", Self::join),
            _ => self.table_primary(),
        }
    }

    fn select_item(&mut self) -> String {
        match self.below(6) {
            0 => "*".to_owned(),
            1 => format!("{}.*", self.qualified(2)),
            _ => format!("{}{}", self.value(), self.maybe(Self::correlation)),
        }
    }

    fn select(&mut self) -> String {
        let set = self.one_of(&["", "", "DISTINCT ", "ALL "]);
        let top = self.one_of(&["", "", "TOP 5 "]);
        let items = self.list(3, Self::select_item);
        let from = self.list(2, Self::table_reference);
        let filter = self.maybe(|d| format!(" WHERE {}", d.condition()));
        let group = self.maybe(|d| format!(" GROUP BY {}", d.list(2, Self::value)));
        let having = self.maybe(|d| format!(" HAVING {}", d.condition()));
        format!("SELECT {set}{top}{items} FROM {from}{filter}{group}{having}")
    }

    fn set_expression(&mut self) -> String {
        let operand = |d: &mut Self| match d.below(4) {
            0 => {
                let query = d.deeper("SELECT 1 FROM t", Self::select_expression);
                format!("({query})")
            }
            _ => d.select(),
        };
        let mut text = operand(self);
        while self.below(5) == 0 {
            let op = self.one_of(&[" UNION ", " EXCEPT ALL ", " INTERSECT ", " UNION ALL "]);
            text = format!("{text}{op}{}", operand(self));
        }
        text
    }

    fn select_expression(&mut self) -> String {
        let body = self.set_expression();
        let order = self.maybe(|d| {
            let term = |d: &mut Self| {
                let expr = if d.below(3) == 0 { "1".to_owned() } else { d.value() };
                format!("{expr}{}", d.one_of(&["", " ASC", " DESC"]))
            };
            format!(" ORDER BY {}", d.list(2, term))
        });
        let offset = self.maybe(|_| " OFFSET 10".to_owned());
        format!("{body}{order}{offset}")
    }

    fn query(&mut self) -> String {
        let with = self.maybe(|d| {
            let query = |d: &mut Self| format!("{} AS ({})", d.name(), d.select_expression());
            format!("WITH {} ", d.list(2, query))
        });
        format!("{with}{}", self.select_expression())
    }
}

#[test]
fn derivations_are_valid_and_keep_their_tree() {
    let mut draw = Draw { state: 2, depth: 0 };
    let number = if std::env::var_os("ALMAGEST_LONG").is_some() { 1_000_000 } else { 1_000 };
    let mut longest = 0;
    for _ in 0..number {
        let text = draw.query();
        longest = longest.max(text.len());
        let mut trees = Vec::new();
        for dialect in [Dialect::Strict, Dialect::Adql] {
            let parsed = parse(&text, &Grammar { dialect, ..Grammar::default() });
            let parsed =
                parsed.unwrap_or_else(|e| panic!("{dialect:?}: {text}\n{}", e.render(&text)));
            trees.push(parsed.query);
        }
        assert_eq!(trees[0], trees[1], "the dialects read it differently: {text}");
        let printed = print(&trees[0]);
        let again = parse(&printed, &Grammar::default());
        let again = again.unwrap_or_else(|e| panic!("{text}\nprinted: {printed}\n{e}"));
        assert_eq!(again.query, trees[0], "{text}\nprinted: {printed}");
    }
    assert!(longest > 1000, "the derivations are short: {longest}");
}
