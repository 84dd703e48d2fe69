"""Write each golden query into a file of its own, as the seeds of fuzzing."""

import hashlib
import pathlib

here = pathlib.Path(__file__).parent
folder = here / "corpus" / "translate"
folder.mkdir(parents=True, exist_ok=True)
for path in sorted((here / ".." / "tests" / "golden").rglob("*.adql")):
    for query in path.read_text().split("\n\n"):
        text = query.split("\n", 1)[1] if query.startswith("-- ") else query
        name = hashlib.sha1(text.encode()).hexdigest()[:16]
        (folder / name).write_text(text.strip("\n"))
