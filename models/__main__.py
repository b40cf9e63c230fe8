"""`python -m models`: find or prepare the default base model, and print where it is."""

from arena.errors import ArenaError
from models.weights import prepare

if __name__ == "__main__":
    try:
        print(prepare(report=print))
    except ArenaError as error:
        raise SystemExit(str(error)) from None
