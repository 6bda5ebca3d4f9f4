"""How the assessment itself is carried out: what it asks of the grassroots and what it shows to whom (method 3.10)."""

from __future__ import annotations

from typing import Annotated, Literal

from scoring.scheme.values import Choice, Count, Ids, Model, Text, Title, each_once


class ConductRules(Model):
    """How often units are assessed, what is shown, and what a rating may do to its rater.

    ``separate_assessments`` counts matters that county, township and village assess one by one;
    ``nominal_points`` is the sum of the points the scheme hands out on paper.
    """

    assessments_per_year: Count
    interim_per_year: Count
    separate_assessments: Count
    nominal_points: Count
    own_ratings_score_the_rater: Choice[bool]
    ratings_visible_to_ratee: Choice[bool]
    public_ranking: Choice[bool]
    names_individuals: Choice[bool]


class Question(Model):
    """One question of an instrument and the duty of the rated unit it is about."""

    item_id: Text
    duty_list_id: Text | None = None
    duty_id: Text | None = None


class Instrument(Model):
    """What the lints must know of a rating form or a questionnaire; ``respondent`` as in the dataset."""

    instrument_id: Text
    respondent: Literal["rater", "respondent"]
    dont_know_option: bool
    mandatory_free_text: bool
    reference: Text
    questions: Annotated[
        tuple[Question, ...], each_once("item_id", zh="题项重复：{}", en="the question {} is given twice")
    ] = ()


class Register(Model):
    """A register that is connected, and the data elements it holds."""

    register_name: Text
    data_element_ids: Ids


class AskedOfUnits(Model):
    """A datum the scheme asks units to fill in."""

    data_element_id: Text
    title: Title


class OneFormRules(Model):
    """Which data are in connected registers, and which the scheme asks units for (one form)."""

    reference: Text
    connected_registers: Annotated[
        tuple[Register, ...], each_once("register_name", zh="系统重复：{}", en="the register {} is given twice")
    ] = ()
    asked_of_units: Annotated[
        tuple[AskedOfUnits, ...],
        each_once("data_element_id", zh="数据元重复：{}", en="the data element {} is given twice"),
    ] = ()
