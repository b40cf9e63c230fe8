"""`python -m rag evaluate --collection FOLDER`: the search on a test collection, in figures that can be compared."""

from pathlib import Path
from typing import Annotated

import typer

from rag.commands import Model
from rag.progress import progress_bar, told


def evaluate(
    collection: Annotated[
        Path,
        typer.Option(
            help="A folder laid out as BEIR (corpus.jsonl, queries.jsonl, qrels/test.tsv), SMART (*.ALL, *.QRY, *.REL; "
            "Cranfield), TREC (<DOC>, <top> or <topic>, qrels), or MS MARCO (docs.tsv, queries.tsv, qrels.tsv)."
        ),
    ],
    run: Annotated[Path | None, typer.Option(help="A file for what was found, as a TREC run.")] = None,
    index: Annotated[
        Path | None, typer.Option(help="The folder for the vectors; COLLECTION.index when not named.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only that many of the judged queries.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The embedder as it comes, without its adapter.")] = False,
    model: Model = None,
) -> None:
    """nDCG@10, recall and MRR of the search for passages, with default settings, on a collection with known answers."""
    from rag.collection import read_collection
    from rag.embedder import open_embedder
    from rag.evaluate import check_names, collection_index, evaluation, measures, write_run

    measures()  # what would stop it in the end is said before anything is embedded
    read = read_collection(collection)
    if run:
        check_names((entry.name for entry in read.documents), read.queries)
    folder = index or collection.resolve().with_name(f"{collection.resolve().name}.index")
    with progress_bar() as bar:
        opened = collection_index(read, folder, open_embedder(model, adapted=not plain), progress=told(bar))
        found, brought = evaluation(read, opened, limit, told(bar))
    if run:
        write_run(brought, run, "fine-tuning-vs-rag")
    typer.echo(found.as_json() if as_json else found)
