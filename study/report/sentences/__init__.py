"""The sentences of a report: functions from measurements to a sentence, or None where it would not
be so. tests/unit/study/report/test_sentences.py has a situation of both kinds for each of them."""
