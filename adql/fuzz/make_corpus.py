"""Write the seeds of fuzzing, a file each: the golden queries, and what earlier runs found.

    python3 make_corpus.py          make corpus/translate
    python3 make_corpus.py --keep   put what a run has found there into corpus.jsonl
"""

import hashlib
import json
import pathlib
import sys

here = pathlib.Path(__file__).parent
folder = here / "corpus" / "translate"
kept = here / "corpus.jsonl"


def golden():
    for path in sorted((here / ".." / "tests" / "golden").rglob("*.adql")):
        for query in path.read_text().split("\n\n"):
            text = query.split("\n", 1)[1] if query.startswith("-- ") else query
            yield text.strip("\n")


def name(text):
    return hashlib.sha1(text.encode()).hexdigest()[:16]


if "--keep" in sys.argv:
    known = set(golden())
    texts = set()
    for path in folder.iterdir():
        try:
            texts.add(path.read_bytes().decode())
        except UnicodeDecodeError:
            pass  # The target takes text only.
    kept.write_text("".join(json.dumps(text) + "\n" for text in sorted(texts - known)))
else:
    folder.mkdir(parents=True, exist_ok=True)
    found = map(json.loads, kept.read_text().splitlines()) if kept.exists() else []
    for text in [*golden(), *found]:
        (folder / name(text)).write_text(text)
