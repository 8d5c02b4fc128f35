"""Mutants: the product with one of its rules taken out, each of which the suite has to notice.

`python -m tests.mutants` (`make test-mutants`) tries them all. What a mutant is stands in `mutant`, which there are in
`rules`, `schedules`, `calls` and `administration`, and how one is tried in `trial`.
"""
