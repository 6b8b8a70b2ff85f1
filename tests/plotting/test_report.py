"""Tests of the HTML report about a classifier."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from sktsmae import MAERegressor
from sktsmae.__main__ import main
from sktsmae.plotting import report


class Page(HTMLParser):
    """Parser that checks that tags are closed in order, and collects the text and the addresses of images."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.images = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.images.append(dict(attributes)["src"])
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.texts.append(data)


@pytest.fixture
def page(fitted_classifier, X, y, tmp_path):
    """Return a function that writes a report and parses it."""

    def write(**settings):
        report(fitted_classifier, X, settings.pop("y", y), tmp_path / "report.html", **settings)
        return Page((tmp_path / "report.html").read_text())

    return write


def test_report_contains_scores_figures_and_suspicious_labels(page, fitted_classifier, X, y):
    probabilities = np.full((len(y), len(fitted_classifier.classes_)), 0.01)
    probabilities[np.arange(len(y)), np.searchsorted(fitted_classifier.classes_, y)] = 0.94
    probabilities[3] = np.roll(probabilities[3], 1)  # another class than that of the label
    written = page(probabilities=probabilities)
    assert f"{40 / 41:.3f}" in written.texts  # the accuracy
    suspicious = written.texts[-5:]
    assert suspicious[:3] == ["3", y[3], "0.010"]
    assert len(written.images) == 4
    assert all(image.startswith("data:image/png;base64,") for image in written.images)


def test_report_refers_to_nothing_outside_the_file(page):
    assert not re.search(r"https?:|src=\"(?!data:)|<script|<link", "".join(page().texts))


def test_labels_cannot_add_elements(new_classifier, X, y, tmp_path):
    hostile = np.where(y == y[0], "<script>alert(1)</script>", y)
    classifier = new_classifier(max_epochs=1).fit(X, hostile)
    report(
        classifier, X, hostile, tmp_path / "report.html", probabilities=np.full((41, len(classifier.classes_)), 0.01)
    )
    text = (tmp_path / "report.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_rows_with_nan_are_ignored(page, fitted_classifier, X, y):
    probabilities = fitted_classifier.predict_proba(X)
    probabilities[:11] = np.nan
    assert page(probabilities=probabilities).texts[0].startswith("30 signals")


def test_wrong_arguments_are_refused(page, X, y):
    with pytest.raises(ValueError, match=r"y contains \['other'\], but the classes are .*remove other labels"):
        page(y=np.where(y == y[0], "other", y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        page(y=y[:-1])
    with pytest.raises(ValueError, match="probabilities has no row without NaN"):
        page(probabilities=np.full((41, 7), np.nan))


def test_regressor_is_refused(X, tmp_path):
    regressor = MAERegressor(random_state=0)
    with pytest.raises(TypeError, match=r"classifier=MAERegressor\(random_state=0\) is not a classifier; report needs"):
        report(regressor, X, X.mean(1), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_fit_command_writes_a_report_about_leave_one_out_predictions(X, y, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", X=X, y=y.astype(str))
    report_path = tmp_path / "report.html"
    arguments = ["fit", str(tmp_path / "a.npz"), "--output", str(tmp_path / "a.safetensors"), "--report"]
    assert main([*arguments, str(report_path)]) == 0
    assert capsys.readouterr().out.endswith(f"{report_path}: report\n")
    texts = Page(report_path.read_text()).texts
    assert texts[0] == "41 signals of shape (200,), 7 classes"
    accuracy = texts[texts.index("accuracy") + 1]
    assert float(accuracy) < 1  # predictions of the training signals themselves would be correct
    assert main([*arguments, str(tmp_path / "report.txt")]) == 1
    assert "--report" in capsys.readouterr().err
