"""Hello world on dbos: one run of one step. `python -m bench.dbos_hello FILE`."""

import sys

from dbos import DBOS


@DBOS.step()
def inc(x: int) -> int:
    return x + 1


@DBOS.workflow()
def hello(x: int) -> int:
    return inc(x)


if __name__ == "__main__":
    DBOS(config={"name": "hello", "system_database_url": f"sqlite:///{sys.argv[1]}", "log_level": "ERROR"})
    DBOS.launch()
    print(hello(1))
    DBOS.destroy()
