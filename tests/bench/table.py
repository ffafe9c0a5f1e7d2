"""Medians and their spread, as cells of a Markdown table."""

import statistics


def median(values):
    return statistics.median(values)


def cell(values, digits=2):
    """median (min–max)"""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(head, rows):
    """A Markdown table whose columns line up in a terminal too."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def draw(line):
        return "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |"

    return "\n".join([draw(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(draw, rows)])
