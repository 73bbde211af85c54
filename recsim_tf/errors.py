"""The messages of errors."""


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, and without the trace of calls that gin
    appends.
    """
    return " ".join(str(error).split("\n  In call to configurable")[0].split())
