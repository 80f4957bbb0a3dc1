"""Studies of section 11.2.2: a discriminator's layers with few labels (CL-49), and the value of the game (CL-52)."""

from handson11.claims.pretraining import LABELS, RATES, few_and_fall, gains, per_label_count
from handson11.claims.runs.gan import game, with_discriminator
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

TRAINED = {"steps": 4000, "batch_size": 64, "learning_rate": 0.001}
ARMS = {
    "scratch": {"reused": 0, "frozen": 0, "gan": None},
    "convolutions": {"reused": 2, "frozen": 0, "gan": TRAINED},
    "all hidden layers": {"reused": 3, "frozen": 0, "gan": TRAINED},
    "frozen": {"reused": 2, "frozen": 2, "gan": TRAINED},
}
"""The second one is judged."""

QUALITY = ("distance", "classes", "collapsed", "gan_diverged")

DISCRIMINATORS = Experiment(
    name="few labels, with and without the layers of a discriminator",
    arms=per_label_count(ARMS),
    fixed={"steps": 200},
    seeds=range(10),
    metrics=("test_accuracy", *QUALITY),
    rates=RATES,
    run=with_discriminator,
)

GAME = Experiment(
    name="the value of the game on pairs of random distributions",
    arms={"six points": {"points": 6}},
    fixed={"pairs": 1000, "others": 1000},
    seeds=[0],
    metrics=("difference", "lead"),
    run=game,
)


@study("CL-49", DISCRIMINATORS)
def discriminator_layers_help(results):
    """Judge the gain of the reused convolutions over scratch with few labels, and its fall to 50 per class."""
    few, fall = few_and_fall(results, "convolutions")
    measured = {"few_gain_low": few.low, "few_gain_high": few.high, "fall_low": fall.low}
    effects = [
        effect("gain of the reused convolutions, mean over 1, 2, 5 and 10 labels per class", few),
        effect("that gain minus the gain with 50 labels per class", fall),
    ]
    for count in LABELS:
        scratch = interval(results.values(f"scratch, {count}", "test_accuracy", lost=0.1))
        effects.append(effect(f"scratch, {count} per class: test accuracy", scratch))
    for arm in [arm for arm in ARMS if arm != "scratch"]:
        if arm != "convolutions":
            told = few_and_fall(results, arm)[0]
            effects.append(effect(f"{arm}: gain, mean over 1 to 10 labels per class", told))
        for count, values in zip(LABELS, gains(results, arm), strict=True):
            effects.append(effect(f"{arm}, {count} per class: gain", interval(values)))
    one = {name: results.values("convolutions, 1", name) for name in QUALITY}
    effects.append(effect("Fréchet distance of the GANs' images from test images", interval(one["distance"]), digits=2))
    effects.append(effect("classes seen in the GANs' images, of ten", interval(one["classes"]), digits=2))
    for name, what in (("collapsed", "GANs that collapsed"), ("gan_diverged", "GANs that diverged")):
        effects.append(effect(f"{what}, of {len(one[name])}", int(one[name].sum())))
    return measured, effects


@study("CL-52", GAME)
def value_of_the_game(results):
    """Judge the difference of the two sides, and whether any other discriminator does better."""
    difference, lead = (results.values("six points", name).item() for name in ("difference", "lead"))
    fixed = results.experiment.fixed
    effects = [
        effect("largest difference of value and −log 4 + 2 JSD", difference),
        effect(f"largest lead of another discriminator, {fixed['others']} for each pair", lead),
    ]
    return {"largest_difference": difference, "largest_lead": lead}, effects
