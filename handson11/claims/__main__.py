"""``python -m handson11.claims``: run the studies, judge the claims, write the ledger."""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the workers: TensorFlow has much to say

from handson11.claims import STUDIES, judge_claim
from handson11.claims.studies import write_entry
from handson11.experiments import conduct, load_claims, read_entry
from handson11.experiments.store import RUNS_FOLDER


def main(arguments=None):
    """Run what the command line asks for; return 1 if a verdict differs from the one in the ledger."""
    parser = argparse.ArgumentParser(prog="python -m handson11.claims", description=__doc__)
    parser.add_argument("--claim", action="append", metavar="CL-10", help="only this claim (may be repeated)")
    parser.add_argument("--section", metavar="11.1", help="only the claims of this section and of those inside it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="worker processes (default: one a core)")
    parser.add_argument("--source", choices=["fashion-mnist", "stand-in"], default="fashion-mnist")
    options = parser.parse_args(arguments)
    wanted = chosen(options.claim, options.section)
    os.environ.setdefault("HANDSON11_SOURCES", str(RUNS_FOLDER / "sources"))  # read by the workers, see few_labels.kept
    if options.source == "stand-in":
        print("On the stand-in data: nothing is written to the ledger, which speaks of Fashion-MNIST.")
    begin, done, changed = time.perf_counter(), {}, []
    for number, claim in enumerate(wanted, 1):
        results = []
        for experiment in STUDIES[claim].experiments:
            if id(experiment) not in done:
                done[id(experiment)] = conduct(experiment, RUNS_FOLDER, options.jobs, options.source)
            results.append(done[id(experiment)])
        entry, before = judge_claim(claim, results), read_entry(claim)
        news = "" if before is None or before["verdict"] == entry["verdict"] else f"  (was {before['verdict']})"
        changed += [claim] if news else []
        if options.source == "fashion-mnist":
            write_entry(entry)
        print(f"[{number}/{len(wanted)}] {claim} {entry['verdict']}{news}")
        for line in [found["text"] for found in entry["effects"]] + [f"lint: {text}" for text in entry["findings"]]:
            print(f"        {line}")
    print(f"{len(wanted)} claims in {time.perf_counter() - begin:.0f} s.")
    if changed:
        print(f"Other verdicts than in the ledger: {', '.join(changed)}. Look at what changed before you keep them.")
    return 1 if changed else 0


def chosen(claims, section):
    """Return the numbers of the claims to run; leave with an explanation if there are none."""
    known = load_claims()
    for claim in claims or ():
        if claim not in STUDIES:
            state = "it has no study yet" if claim in known else "there is no such claim"
            sys.exit(f"{claim}: {state}. Claims with a study: {', '.join(STUDIES)}")
    wanted = [
        claim
        for claim in claims or filter(STUDIES.get, known)
        if section is None or (known[claim]["section"] + ".").startswith(section.rstrip(".") + ".")
    ]
    if not wanted:
        sections = sorted({known[claim]["section"] for claim in STUDIES})
        sys.exit(f"No claim of section {section} has a study. Sections with studies: {', '.join(sections)}")
    return wanted


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Every finished run is kept; the same command goes on from here.")
