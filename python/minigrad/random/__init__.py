"""Random numbers: counter-based, so that a seed gives the same ones on every machine and for any number of threads.

A generator is a seed and a counter. The numbers that it gives are a function of the two (Philox: Salmon and others,
"Parallel Random Numbers: As Easy as 1, 2, 3"), and each call moves the counter on by as many as it used.
"""

from . import filling as filling
from .creation import normal, rand, rand_like, randint, randint_like, randn, randn_like
from .generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .generator import fork_rng as fork_rng
from .sampling import bernoulli, multinomial, randperm

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]
