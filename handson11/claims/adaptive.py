"""Studies of sections 11.3.3 and 11.3.4: AdaGrad and RMSProp (CL-62, CL-63)."""

import numpy as np

from handson11.claims.race import DEEP_RACE, RACE
from handson11.claims.runs.adaptive import constant_gradient, long_training, on_quadratic
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import Interval, compare_pair, interval

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CONDITION_NUMBERS = (10, 100, 1000)
LONG_RATES = {"AdaGrad": (0.1, 0.03, 0.01, 0.003, 0.001), "RMSProp": (0.01, 0.003, 0.001, 0.0003, 0.0001)}

QUADRATICS = Experiment(
    name="AdaGrad and RMSProp on quadratics, turned and not",
    arms={
        f"{name}, κ = {kappa}, {degrees}°": {"optimizer": name.lower(), "condition_number": kappa, "degrees": degrees}
        for name, degrees in (("AdaGrad", 45), ("AdaGrad", 0), ("RMSProp", 45))
        for kappa in CONDITION_NUMBERS
    },
    fixed={"rates": RATES, "start": [1.0, 0.3], "steps": 10000, "tolerance": 1e-6},
    seeds=[0],
    metrics=[f"{what}_{rate:g}" for what in ("distance", "late", "rises", "steps") for rate in RATES],
    run=on_quadratic,
)

LONG = Experiment(
    name="AdaGrad and RMSProp for 100 epochs on few images, all rates shown",
    arms={
        f"{name}, {rate:g}": {"optimizer": name.lower(), "learning_rate": rate}
        for name, rates in LONG_RATES.items()
        for rate in rates
    },
    fixed={
        "arguments": {"depth": 5, "width": 64, "activation": "relu"},
        "n": 2000,
        "epochs": 100,
        "read_at": [5, 10, 20, 50, 100],
    },
    seeds=range(10),
    metrics=["train_loss", "test_accuracy", *(f"loss_at_{epoch}" for epoch in (5, 10, 20, 50, 100))],
    run=long_training,
)

CONSTANT = Experiment(
    name="one gradient again and again",
    arms={
        f"{name}, |g| = {gradient:g}": {"optimizer": name.lower(), "gradient": gradient}
        for name in ("RMSProp", "AdaGrad")
        for gradient in (3.0, 0.001)
    },
    fixed={"learning_rate": 0.01, "steps": 1000},
    seeds=[0],
    metrics=["rate_error", "share"],
    run=constant_gradient,
)


@study("CL-62", QUADRATICS, LONG)
def adagrad_arrives(quadratics, long):
    """Judge the smallest distance at the best rate, κ = 100, turned by 45 degrees."""
    distance = by_rate(quadratics, "AdaGrad, κ = 100, 45°", "distance")
    measured = {
        "distance": min(distance.values()),
        "rate_rises": int(sum(by_rate(quadratics, "AdaGrad, κ = 100, 45°", "rises").values())),
    }
    effects = [
        effect("κ = 100: smallest distance at the best rate", measured["distance"]),
        effect("κ = 100: number of rates (of 7) that come within 1e-6", sum(d < 1e-6 for d in distance.values())),
    ]
    effects += [effect(f"κ = 100: smallest distance at rate {rate:g}", distance[rate]) for rate in RATES[:4]]
    for degrees, name in ((45, "turned by 45°"), (0, "not turned")):
        effects += [_best(quadratics, kappa, degrees, name) for kappa in CONDITION_NUMBERS]
    for arm in ("AdaGrad, 0.03", "AdaGrad, 0.003", "AdaGrad, 0.001", "RMSProp, 0.001"):
        values, what = long.values(arm), f"100 epochs, {arm.replace(', ', ', rate ')}: training loss, median"
        told = interval(values, np.median) if np.isfinite(values).all() else float("nan")
        effects.append(effect(what, told))
    return measured, effects


def by_rate(quadratics, arm, what):
    """Return what was measured on one bowl, such as ``"distance"``: a dict of rate → value."""
    return {rate: quadratics.values(arm, f"{what}_{rate:g}").item() for rate in RATES}


def _best(quadratics, kappa, degrees, name):
    """Return AdaGrad's fewest steps to 1e-6 on one bowl as an effect, or its smallest distance if no rate arrives."""
    arm = f"AdaGrad, κ = {kappa}, {degrees}°"
    steps = min(by_rate(quadratics, arm, "steps").values())
    if np.isfinite(steps):
        return effect(f"κ = {kappa}, {name}: steps to 1e-6 at the best rate", steps, digits=5)
    nearest = min(by_rate(quadratics, arm, "distance").values())
    return effect(f"κ = {kappa}, {name}: no rate comes within 1e-6, smallest distance", nearest)


@study("CL-63", CONSTANT, RACE, DEEP_RACE, QUADRATICS)
def rmsprop_goes_on(constant, race, deep, quadratics):
    """Judge the rate under a constant gradient, and the final training losses of the race."""
    error = constant.values("RMSProp, |g| = 3", "rate_error").item()
    ratio = _ratio(race)
    measured = {"rate_error": error, "loss_ratio_low": ratio.low, "loss_ratio_high": ratio.high}
    effects = [effect("training loss, AdaGrad / RMSProp, 3 hidden layers", ratio)]
    effects += [_loss(race, arm) for arm in ("AdaGrad", "RMSProp")]
    effects += [
        effect("gain in test accuracy, RMSProp over AdaGrad", _gain(race)),
        effect("training loss, AdaGrad / RMSProp, 10 hidden layers", _ratio(deep)),
        effect("gain in test accuracy, 10 hidden layers", _gain(deep)),
        effect("constant gradient 3: relative distance of RMSProp's rate from η/|g|", error),
    ]
    for arm, what in (("RMSProp, |g| = 0.001", "RMSProp"), ("AdaGrad, |g| = 3", "AdaGrad")):
        size = arm.partition("= ")[2]
        effects.append(
            effect(f"constant gradient {size}: {what}'s rate / (η/|g|)", constant.values(arm, "share").item())
        )
    for kappa in CONDITION_NUMBERS:
        late = by_rate(quadratics, f"RMSProp, κ = {kappa}, 45°", "late")
        shares = [late[rate] / rate for rate in RATES]
        effects.append(effect(f"quadratic, κ = {kappa}: nearest late distance of RMSProp / rate", min(shares)))
    return measured, effects


def _ratio(race):
    """Return the geometric mean of the training losses' ratio AdaGrad / RMSProp; a lost run counts as infinite."""
    adagrad, rmsprop = (race.values(arm, "train_loss", lost=np.inf) for arm in ("AdaGrad", "RMSProp"))
    if not np.isfinite([*adagrad, *rmsprop]).all():
        return Interval(np.nan, np.nan, np.nan, len(adagrad))
    logs = interval(np.log(adagrad / rmsprop))
    return Interval(*np.exp([logs.value, logs.low, logs.high]).tolist(), logs.n)


def _loss(race, arm):
    """Return the median training loss of an arm as an effect."""
    values = race.values(arm, "train_loss")
    if not np.isfinite(values).all():
        return effect(f"training loss, {arm}, median ({race.n_lost(arm)} runs lost)", float("nan"))
    return effect(f"training loss, {arm}, median", interval(values, np.median))


def _gain(race):
    """Return the paired gain in test accuracy; a lost run counts as chance."""
    return compare_pair(*(race.values(arm, "test_accuracy", lost=0.1) for arm in ("RMSProp", "AdaGrad")))
