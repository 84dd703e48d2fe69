"""Run the checks of a client, and report each."""

import sys
import traceback


def run(module, connect):
    """Call each function of `module` named check_… with what `connect` makes of the URL given.

    Ends the program; its exit code is the number of checks that failed.
    """
    if len(sys.argv) != 2:
        sys.exit(module["__doc__"])
    service = connect(sys.argv[1].rstrip("/"))
    failed = 0
    checks = [(name, f) for name, f in module.items() if name.startswith("check_")]
    for name, check in checks:
        title = name.removeprefix("check_").replace("_", " ")
        try:
            detail = check(service)
            print(f"ok    {title}" + (f": {detail}" if detail else ""))
        except Exception as error:  # each check is reported, whatever ended it
            failed += 1
            if hasattr(error, "read"):
                print(error.read().decode(errors="replace"))
            print(f"FAIL  {title}: {error or type(error).__name__}")
            traceback.print_exc()
    print(f"{len(checks) - failed} of {len(checks)} checks passed")
    sys.exit(failed)
