"""The pages hold what the curriculum asks for: terms, claims, listings, errata, API, and a page for every section.

The last tests keep the text files true: the commands of the README, the dependencies of CONTRIBUTING.

The expected lists are written here as data taken from the curriculum, not read from the pages.
"""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

import handson11

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"

# Korean names as in the notes, English names without their explanations in parentheses: the 135 rows of the curriculum.
TERMS = """
심층 신경망 | deep neural network
인공 신경망 | artificial neural network
퍼셉트론 | perceptron
다층 퍼셉트론 | multilayer perceptron
은닉층 | hidden layer
출력층 | output layer
하위층 | lower layers
상위층 / 상위 은닉층 | upper layers
역전파 | backpropagation
경사 하강법 | gradient descent
그레이디언트 | gradient
그레이디언트 소실 | vanishing gradients
그레이디언트 폭주 | exploding gradients
비용함수 | cost function
손실 함수 | loss function
로지스틱 활성화 함수 | logistic activation
시그모이드 | sigmoid
하이퍼볼릭 탄젠트 | hyperbolic tangent
소프트맥스 | softmax
수렴 (활성화 함수) | saturation
수렴하지 않는 활성화 함수 | non-saturating activation
가중치 초기화 | weight initialization
글로럿 초기화 | Glorot initialization
세이비어 초기화 | Xavier initialization
르쿤 초기화 | LeCun initialization
헤 초기화 | He initialization
팬-인 | fan-in
팬-아웃 | fan-out
분산 | variance
표준편차 | standard deviation
정규분포 | normal distribution
균등분포 | uniform distribution
죽은 ReLU / dying ReLU | dying ReLU
LeakyReLU | leaky ReLU
RReLU | randomized leaky ReLU
PReLU | parametric ReLU
ELU | exponential linear unit
SELU | scaled ELU
자기 정규화 | self-normalization
표준화 | standardization
스킵 연결 | skip connection
순환 신경망 | recurrent neural network
완전 연결 층 | fully connected layer
합성곱 신경망 | convolutional neural network
배치 정규화 | batch normalization
미니배치 | mini-batch
스케일 조정 | scaling
이동 (시프트) | shift
(지수) 이동 평균 | exponential moving average
편향 | bias
그레이디언트 클리핑 | gradient clipping
임곗값 | threshold
방향 | direction
전이 학습 | transfer learning
사전훈련 | pretraining
동결 / 동결 해제 | freezing / unfreezing
세밀하게 튜닝 / 미세 튜닝 | fine-tuning
재사용 | reuse
특성 추출기 | feature extractor
저수준 / 고수준 특성 | low-/high-level features
클론 / 복제 | clone
얕은 복사 | shallow copy
이진 분류기 | binary classifier
정확도 | accuracy
레이블 | label
비지도 사전훈련 | unsupervised pretraining
오토인코더 | autoencoder
인코더 / 디코더 | encoder / decoder
잠재 공간 | latent space
잡음 제거 오토인코더 | denoising autoencoder
변이형 오토인코더 (VAE) | variational autoencoder
생성적 적대 신경망 (GAN) | generative adversarial network
생성자 / 판별자 | generator / discriminator
제한된 볼츠만 머신 (RBM) | restricted Boltzmann machine
가시층 | visible layer
에너지 함수 | energy function
대조 발산 (CD) | contrastive divergence
탐욕적 층 단위 사전훈련 | greedy layer-wise pretraining
JS 발산 | Jensen–Shannon divergence
보조 작업 | auxiliary task
자기지도 학습 | self-supervised learning
마스크드 언어 모델 | masked language model
자연어 처리 (NLP) | natural language processing
코퍼스 | corpus
옵티마이저 | optimizer
모멘텀 | momentum
학습률 | learning rate
네스테로프 가속 경사 | Nesterov accelerated gradient
적응적 학습률 | adaptive learning rate
지역 최솟값 | local minimum
진동 | oscillation
학습률 스케줄링 | learning-rate scheduling
거듭제곱 기반 스케줄링 | power scheduling
지수 기반 스케줄링 | exponential scheduling
구간별 고정 스케줄링 | piecewise-constant scheduling
성능 기반 스케줄링 | performance scheduling
1사이클 스케줄링 | 1cycle scheduling
과대적합 | overfitting
과소적합 | underfitting
규제 | regularization
ℓ1 / ℓ2 규제 | ℓ1 / ℓ2 regularization
노름 | norm
희소 모델 | sparse model
드롭아웃 | dropout
보존 확률 | keep probability
공동 적응 (Co-adaptation) | co-adaptation
앙상블 | ensemble
알파 드롭아웃 | alpha dropout
몬테 카를로 드롭아웃 | Monte Carlo dropout
불확실성 | uncertainty
맥스-노름 규제 | max-norm regularization
조기 종료 | early stopping
하이퍼파라미터 | hyperparameter
교차 검증 | cross-validation
그리드 서치 / 랜덤 탐색 | grid / random search
에포크 | epoch
머신러닝 / 딥러닝 | machine / deep learning
지도 / 비지도 / 준지도 / 강화 학습 | supervised / unsupervised / semi-supervised / reinforcement learning
파라미터 | parameter
특성 | feature
정규화 | normalization
전처리 | preprocessing
다중 분류 | multiclass classification
교차 엔트로피 | cross-entropy
추론 | inference
수렴 (훈련) | convergence
전역 최솟값 | global minimum
생성 모델 | generative model
적대적 학습 | adversarial training
차원 축소 | dimensionality reduction
이상 탐지 | anomaly detection
협업 필터링 | collaborative filtering
데이터 증강 | data augmentation
베이즈 최적화 | Bayesian optimization
얼굴 인식 | face recognition
"""

# The claims of the written sections and the page that judges each.
CLAIMS = {
    "11_1_unstable_gradients/index": ["CL-02", "CL-03", "CL-04", "CL-05"],
    "11_1_unstable_gradients/1_initialization": ["CL-06", "CL-07", "CL-08", "CL-09"],
    "11_1_unstable_gradients/2_activations": [*(f"CL-{n}" for n in range(10, 21)), "CL-85"],
    "11_1_unstable_gradients/3_batch_normalization": [f"CL-{n}" for n in range(21, 30)],
    "11_1_unstable_gradients/4_gradient_clipping": [f"CL-{n}" for n in range(30, 34)],
    "11_2_pretrained_layers/index": ["CL-34", "CL-35", "CL-45", "CL-46"],
    "11_2_pretrained_layers/1_transfer_learning": [*(f"CL-{n}" for n in range(36, 45)), "CL-47"],
    "11_2_pretrained_layers/2_unsupervised_pretraining": [*(f"CL-{n}" for n in range(48, 53)), "CL-87"],
    "11_2_pretrained_layers/3_auxiliary_pretraining": ["CL-53", "CL-54"],
    "11_3_faster_optimizers/index": ["CL-55"],
    "11_3_faster_optimizers/1_momentum": [f"CL-{n}" for n in range(56, 61)],
    "11_3_faster_optimizers/2_nesterov": ["CL-61"],
    "11_3_faster_optimizers/3_adagrad": ["CL-62"],
    "11_3_faster_optimizers/4_rmsprop": ["CL-63"],
    "11_3_faster_optimizers/5_adam_family": [f"CL-{n}" for n in range(64, 70)],
    "11_3_faster_optimizers/6_learning_rate_schedules": [f"CL-{n}" for n in range(70, 74)],
}

# Listings of the notes: what their working modern form must contain, and how the printed form fails.
LISTINGS = {
    "L1": (
        "11_1_unstable_gradients/1_initialization",
        r"""activation=["']relu["'],\s*kernel_initializer=["']he_normal["']""",
        None,
    ),
    "L2": (
        "11_1_unstable_gradients/1_initialization",
        r"VarianceScaling\(",
        r"""kernel_initializer=["']he_avg_init["']""",
    ),
    "L3": ("11_1_unstable_gradients/2_activations", r"LeakyReLU\(negative_slope=", r"LeakyReLU\(alpha="),
    "L4": ("11_1_unstable_gradients/2_activations", r"prelu_mlp|PReLU\(\)", r"input_shape="),
    "L5": ("11_1_unstable_gradients/2_activations", r"selu_stack|lecun_normal", None),
    "L6": ("11_1_unstable_gradients/3_batch_normalization", r"BatchNormalization\(\)", r"input_shape="),
    "L7": ("11_1_unstable_gradients/3_batch_normalization", r"use_bias=False", None),
    "L8": (
        "11_1_unstable_gradients/4_gradient_clipping",
        r"keras\.optimizers\.SGD\([^)]*clipvalue=",
        r"(tf|tensorflow)\.keras\.SGD\(",
    ),
    "L9": (
        "11_2_pretrained_layers/1_transfer_learning",
        r"model_B_on_A\.add\(",
        r"model_B_on_A ?= ?\((keras\.layers\.)?Dense\(1",
    ),
    "L10": (
        "11_2_pretrained_layers/1_transfer_learning",
        r"load_model\([^)]*\.keras",
        r"load_model\([^)]*\.h5",
    ),
    "L11": ("11_2_pretrained_layers/1_transfer_learning", r"clone_model\(|clone_with_weights\(", None),
    "L12": (
        "11_2_pretrained_layers/1_transfer_learning",
        r"Sequential\(\s*\[\s*keras\.Input\(\(28, 28\)\),\s*\*",
        r"Sequential\(model_A\.layers\[:-1\]\)",
    ),
    "L13": (
        "11_2_pretrained_layers/1_transfer_learning",
        r"SGD\(learning_rate=1e-[34]\)",
        r"SGD\(lr=1e-[34]\)",
    ),
    "L14": ("11_2_pretrained_layers/1_transfer_learning", r"X_train_B", r"X_Train_B"),
    "L15": ("11_2_pretrained_layers/1_transfer_learning", r"split_tasks\(", None),
    "L16": ("11_2_pretrained_layers/1_transfer_learning", r"evaluate\([^)]*return_dict=True", None),
    "L17": (
        "11_3_faster_optimizers/1_momentum",
        r"SGD\(learning_rate=0\.001, momentum=0\.9\)",
        r"\*\*momentum = 0\.9\*\*",
    ),
}

TITLES = {
    "book/introduction": "11 ",
    "book/11_1_unstable_gradients/index": "11.1 ",
    "book/11_1_unstable_gradients/1_initialization": "11.1.1 ",
    "book/11_1_unstable_gradients/2_activations": "11.1.2 ",
    "book/11_1_unstable_gradients/3_batch_normalization": "11.1.3 ",
    "book/11_1_unstable_gradients/4_gradient_clipping": "11.1.4 ",
    "book/11_2_pretrained_layers/index": "11.2 ",
    "book/11_2_pretrained_layers/1_transfer_learning": "11.2.1 ",
    "book/11_2_pretrained_layers/2_unsupervised_pretraining": "11.2.2 ",
    "book/11_2_pretrained_layers/3_auxiliary_pretraining": "11.2.3 ",
    "book/11_3_faster_optimizers/index": "11.3 ",
    "book/11_3_faster_optimizers/1_momentum": "11.3.1 ",
    "book/11_3_faster_optimizers/2_nesterov": "11.3.2 ",
    "book/11_3_faster_optimizers/3_adagrad": "11.3.3 ",
    "book/11_3_faster_optimizers/4_rmsprop": "11.3.4 ",
    "book/11_3_faster_optimizers/5_adam_family": "11.3.5 ",
    "book/11_3_faster_optimizers/6_learning_rate_schedules": "11.3.6 ",
}


def cells(page, kind):
    notebook = json.loads((BOOK / f"{page}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


# Glossary


def parse_glossary():
    """Return the entries of the glossary: a list of (English terms, English text, Korean names, Korean text)."""
    text = (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")
    entries = []
    for block in re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.S | re.M):
        for entry in re.split(r"\n\n(?=\S)", block.strip("\n")):
            terms = [line for line in entry.splitlines() if line and not line.startswith(" ")]
            paragraphs = [part.strip() for part in re.split(r"\n\s*\n", "\n".join(entry.splitlines()[len(terms) :]))]
            assert len(paragraphs) == 2, terms
            korean = re.fullmatch(r'<span lang="ko">(.+?): (.+)</span>', paragraphs[1], re.S)
            assert korean, terms
            entries.append((terms, paragraphs[0], re.findall(r"\*\*(.+?)\*\*", korean.group(1)), korean.group(2)))
    return entries


def split_term(korean, english):
    """Return the (Korean names, English terms) that a row of the curriculum stands for."""
    korean = re.sub(r"\s*\((VAE|GAN|RBM|CD|NLP|Co-adaptation)\)", "", korean)
    if english == "dying ReLU":
        return ["죽은 ReLU"], ["dying ReLU"]
    names = [name.strip() for name in korean.split("/")]
    if "/" not in english:
        return names, [english]
    if english == "freezing / unfreezing":
        return names, ["freezing", "unfreezing"]
    if english == "low-/high-level features":
        return ["저수준 특성", "고수준 특성"], ["low-level features", "high-level features"]
    parts = [part.strip() for part in english.split("/")]
    last = parts[-1].split(" ", 1)
    if len(last) > 1:  # "ℓ1 / ℓ2 regularization": the last word belongs to all
        parts = [*(f"{part} {last[1]}" for part in parts[:-1]), parts[-1]]
    tail = names[-1].split(" ", 1)
    if len(tail) > 1 and tail[1] in ("규제", "학습"):
        names = [*(f"{name} {tail[1]}" for name in names[:-1]), names[-1]]
    return names, parts


ROWS = [tuple(line.split(" | ")) for line in TERMS.strip().splitlines()]


def test_the_expected_list_has_135_rows():
    assert len(ROWS) == len(set(ROWS)) == 135


def test_every_term_is_in_the_glossary_in_both_languages():
    entries = {term.lower(): entry for entry in parse_glossary() for term in entry[0]}
    problems = []
    for korean, english in ROWS:
        names, terms = split_term(korean, english)
        found = [entries.get(term.lower()) for term in terms]
        if None in found:
            problems.append(f"{english}: not in the glossary")
            continue
        korean_names = {name for entry in found for name in entry[2]}
        problems += [f"{english}: {name} is missing" for name in names if name not in korean_names]
        problems += [f"{entry[0]}: no English definition" for entry in found if len(entry[1]) < 10]
        problems += [f"{entry[0]}: no Korean definition" for entry in found if not re.search("[가-힣]{2}", entry[3])]
    assert not problems


def test_every_korean_name_is_in_the_korean_index_and_leads_to_its_entry():
    text = (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")
    index = dict(re.findall(r'<span lang="ko">([^<]+)</span> \{term\}`([^`]+)`', text.split("(korean-index)=")[1]))
    assert index == {name: terms[0] for terms, _, names, _ in parse_glossary() for name in names}


# Claims, listings, errata


@pytest.mark.parametrize(("page", "claim"), [(page, claim) for page, claims in CLAIMS.items() for claim in claims])
def test_every_claim_of_a_written_section_ends_in_a_verdict(page, claim):
    rules = yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))
    assert rules[claim]["page"] == page
    calls = [
        cell for cell in cells(page, "code") if re.search(rf"verdict\(\s*[\"']{claim}[\"']", "".join(cell["source"]))
    ]
    assert len(calls) == 1, "one verdict call"
    printed = "".join("".join(output.get("text", "")) for output in calls[0]["outputs"])
    assert re.search(rf"^{claim} (confirmed|partly|refuted|open)\b", printed, re.M), "one printed verdict"


def test_the_list_of_claims_is_complete():
    assert sorted(claim for claims in CLAIMS.values() for claim in claims) == [
        *(f"CL-{n:02d}" for n in range(2, 74)),
        "CL-85",
        "CL-87",
    ]


@pytest.mark.parametrize("listing", LISTINGS)
def test_every_listing_stands_in_a_working_form_beside_its_failure(listing):
    page, works, fails = LISTINGS[listing]
    code = cells(page, "code")
    good = [cell for cell in code if "raises-exception" not in cell["metadata"].get("tags", [])]
    assert any(re.search(works, "".join(cell["source"])) for cell in good)
    if fails:
        broken = [cell for cell in code if re.search(fails, "".join(cell["source"]))]
        outputs = [output for cell in broken for output in cell["outputs"]]
        errors = [output for output in outputs if output["output_type"] == "error"]
        texts = "".join("".join(output.get("text", "")) for output in outputs)
        assert errors or re.search("Error|Warning|deprecated|Do not pass", texts), "the printed form is shown to fail"


ERRATA = BOOK / "reference" / "errata.md"


def test_every_erratum_has_an_entry():
    text = ERRATA.read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^### ERR-(\d\d) · \S", text, re.M)] == list(range(1, 78))
    labels = re.findall(r"^\(err-(\d\d)\)=\n### ERR-(\d\d) ", text, re.M)
    assert len(labels) == 77
    assert all(label == title for label, title in labels)


def test_every_check_of_an_erratum_is_a_test_and_every_test_is_named():
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit").glob("test_errata*.py")]
    tests = [name for text in files for name in re.findall(r"^def (test_err_\w+)\(", text, re.M)]
    named = re.findall(r"`(test_err_\d\d_\w+)`", ERRATA.read_text(encoding="utf-8"))
    assert sorted(named) == sorted(tests)


def test_no_erratum_waits_for_a_page_that_exists():
    text = ERRATA.read_text(encoding="utf-8")
    waiting = set(re.findall(r"\*\*Shown on\*\*: ([\d.]+), still to come", text))
    waiting |= set(re.findall(r"the measurement comes with section ([\d.]+)", text))
    assert waiting
    assert not waiting & {title_of(name).split()[0] for name in contents()}


def test_every_verdict_that_an_erratum_names_stands_on_its_page():
    named = []
    for entry in ERRATA.read_text(encoding="utf-8").split("\n### ERR-")[1:]:
        shown = re.search(r"\*\*Shown on\*\*: \{doc\}`[^`<]*</book/(11_[^>]+)>`", entry)
        if shown:
            named += [(shown[1], claim) for claim in re.findall(r"CL-\d\d", entry.split("**Check**")[1])]
    assert len(named) > 10
    assert [(page, claim) for page, claim in named if claim not in CLAIMS[page]] == []


# Pages


def contents():
    """Return every file that the table of contents names."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))

    def files(entries):
        for entry in entries:
            yield entry["file"]
            yield from files(entry.get("sections", []))

    return [toc["root"], *(name for part in toc["parts"] for name in files(part["chapters"]))]


def title_of(name):
    for suffix in (".md", ".ipynb"):
        path = ROOT / f"{name}{suffix}"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            if suffix == ".ipynb":
                text = "".join(json.loads(text)["cells"][0]["source"])
            return re.search(r"^# (.+)$", text, re.M).group(1)
    raise AssertionError(f"{name} is in _toc.yml and does not exist")


@pytest.mark.parametrize("name", contents())
def test_every_page_of_the_contents_exists_and_carries_its_number(name):
    title = title_of(name)
    number = TITLES.get(name)
    if number:
        assert title.startswith(number)
    else:
        assert not re.match(r"\d", title)


def test_every_page_with_a_number_is_in_the_contents():
    assert set(TITLES) <= set(contents())


# API


def public_objects(module):
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    for name in names:
        value = getattr(module, name)
        is_ours = inspect.isfunction(value) or inspect.isclass(value)
        if is_ours and value.__module__.startswith(module.__name__):
            yield name, value


MODULES = sorted(
    f"handson11.{found.name}" for found in pkgutil.iter_modules(handson11.__path__) if not found.name.startswith("_")
)


def test_every_module_is_public_and_has_an_api_page():
    assert {f"handson11.{name}" for name in handson11.__all__ if name != "__version__"} == set(MODULES)
    index = (BOOK / "reference" / "api" / "index.md").read_text(encoding="utf-8")
    for module in MODULES:
        page = BOOK / "reference" / "api" / f"{module.split('.')[1]}.md"
        assert re.search(rf"automodule:: {re.escape(module)}\n\s+:members:", page.read_text(encoding="utf-8"))
        assert f"{{doc}}`{module.split('.')[1]} <" in index


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_explains_itself_and_has_an_example(module):
    incomplete = []
    for name, value in public_objects(importlib.import_module(module)):
        text = value.__doc__ or ""
        is_record = dataclasses.is_dataclass(value) or (inspect.isclass(value) and issubclass(value, Exception))
        if not re.search(r"\w+ \w+ \w+.*\.", text) or text.startswith(f"{name}("):
            incomplete.append(f"{name}: no explanation")
        elif not is_record and ">>> " not in text:
            incomplete.append(f"{name}: no example")
    assert not incomplete


# Text files


def test_the_readme_gives_the_lines_that_the_makefile_runs():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"^([a-z]+):", makefile, re.M) if target != "help"]
    assert {"book", "serve", "test", "lint", "notebooks", "claims", "lab", "bench", "lock"} <= set(targets)
    assert [target for target in targets if f"`make {target}" not in readme] == []
    parallel = (" -n auto", " --dist loadscope", " --dist loadfile")
    for option in (*parallel, " --cov-report=term:skip-covered", " --quiet", " $(ONE)"):
        makefile = makefile.replace(option, "")
    makefile = re.sub(r" \$\(if .*", "", makefile)
    program = r"\$\(BIN\)/((?:jupyter|ruff|uv|pytest|python book|python -m (?:http|handson11|pip))[^;&|)\n]*)"
    commands = [command.strip() for command in re.findall(program, makefile)]
    assert len(commands) >= 12
    assert [command for command in commands if f".venv/bin/{command}" not in readme] == []


def test_every_dependency_is_explained_with_its_bound():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[build-system]")[1]
    dependencies = re.findall(
        r'"([A-Za-z0-9-]+)((?:[><=]=?[\d.]+,?)+)"', project.split("[tool.")[0].split("[project]")[1]
    )
    dependencies = [(name, bound) for name, bound in dependencies if name != "python"]
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Dependencies")[1]
    rows = {
        row[0]: row for row in re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| `([^`]+)`[^|]* \| ([^|]+) \|$", table, re.M)
    }
    assert len(dependencies) > 20
    assert {name: bound for name, bound in dependencies} == {name: row[2] for name, row in rows.items()}


def test_versions_agree():
    for path, pattern in [("CITATION.cff", r"^version: (.+)$"), ("CHANGELOG.md", r"^## \[(\d.+?)\]")]:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(pattern, text, re.M).group(1) == handson11.__version__, path
