"""The steps of a run, judged once more and carried out in one transaction each."""
