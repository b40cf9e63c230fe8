"""The People page: who has an account, for admins. Components and the handlers behind them.

Passwords are made here and shown once, to be given to their owner, who has to choose another. Does not cover: signing
in (ui/sign_in.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.errors import ArenaError, NotAllowed
from arena.people import MAX_NAME, People, Person, Role, new_password
from ui.account import ROLES
from ui.compare import HIDDEN
from ui.knowledge_view import open_by_name
from ui.markdown import escaped
from ui.render import notice_html
from ui.rights import Rights

WHAT_IT_IS = (
    "<p>People sign in with a name and a password. A <b>visitor</b> may compare, an <b>annotator</b> vote in the "
    "queue, an <b>admin</b> do everything.</p>"
)
CHOICES = [(text.capitalize(), role.value) for role, text in ROLES.items()]
Updates = list[Any]


@dataclass(frozen=True)
class PeoplePage:
    """The page's handlers. Each takes an admin, whatever the browser shows, and paints the whole page."""

    people: People
    rights: Rights

    def look(self, chosen: str, request: gr.Request) -> Updates:
        """On opening the tab."""
        return self._act(lambda: "", chosen, request)

    def add(self, name: str, role: str, request: gr.Request) -> Updates:
        """With a password that is shown once. The box is emptied."""

        def act() -> str:
            password = new_password()
            added = self.people.add(_text(name), password, _role(role), once=True)
            return _password_html(f"{escaped(added.name)} is added.", added, password)

        return self._act(act, "", request)

    def open_clicked(self, request: gr.Request, event: gr.EventData) -> Updates:
        """The person that a click in the list names."""
        data = getattr(event, "_data", None)
        return self._act(lambda: "", _text(data.get("name")) if isinstance(data, dict) else "", request)

    def change_role(self, chosen: str, role: str, request: gr.Request) -> Updates:
        def act() -> str:
            changed = self.people.change(_text(chosen), role=_role(role))
            return f"<p>{escaped(changed.name)} is {ROLES[_role(role)]} now.</p>"

        return self._act(act, chosen, request)

    def renew_password(self, chosen: str, request: gr.Request) -> Updates:
        def act() -> str:
            password = new_password()
            changed = self.people.change(_text(chosen), password=password, once=True)
            return _password_html(f"All sign-ins of {escaped(changed.name)} have ended.", changed, password)

        return self._act(act, chosen, request)

    def ask_to_remove(self, chosen: str, request: gr.Request) -> Updates:
        """Shows the buttons that remove and keep."""
        return [*self._act(lambda: "", chosen, request)[:-1], gr.update(visible=self.rights.may(request, Role.ADMIN))]

    def remove(self, chosen: str, request: gr.Request) -> Updates:
        def act() -> str:
            self.people.remove(_text(chosen))
            return f"<p>{escaped(_text(chosen))} is removed, with all sign-ins. What they voted stays.</p>"

        return self._act(act, chosen, request)

    def _act(self, action: Callable[[], str], chosen: str, request: gr.Request) -> Updates:
        """Do it, if an admin asks, and paint what there is then. Nothing is painted for others but why."""
        news = notice = ""
        try:
            self.rights.require(request, Role.ADMIN)
            try:
                news = action()
            except NotAllowed as error:
                notice = str(error)
            # Asked again: somebody may have changed their own role.
            self.rights.require(request, Role.ADMIN)
            everybody = self.people.all()
        except ArenaError as error:
            return painted([], "", news="", notice=str(error), added=False)
        return painted(everybody, _text(chosen), news, notice, added=bool(news))


def painted(people: Sequence[Person], chosen: str, news: str, notice: str, added: bool) -> Updates:
    """The values of `Layout.outputs`."""
    person = next((one for one in people if one.name == chosen), None)
    return [
        person.name if person else "",
        notice_html(notice),
        news,
        list_html(people),
        "" if added else gr.skip(),
        f'<h2><bdi dir="auto">{escaped(person.name)}</bdi></h2>' if person else "",
        gr.update(value=person.role.value) if person and person.role else gr.skip(),
        gr.update(visible=person is not None),
        gr.update(visible=False),
    ]


def list_html(people: Sequence[Person]) -> str:
    """Everybody, their names as buttons."""
    if not people:
        return ""
    rows = "".join(
        f'<tr role="row"><th role="rowheader" scope="row"><button type="button" data-name="{escaped(one.name)}">'
        f'<bdi dir="auto">{escaped(one.name)}</bdi></button></th><td role="cell">{ROLES[one.role or Role.VISITOR]}</td>'
        f'<td role="cell">{"has to choose a password" if one.must_change else ""}</td></tr>'
        for one in people
    )
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in ("Name", "Role", "Password"))
    return (
        '<div class="shelf"><table class="listed" role="table" aria-label="People"><thead role="rowgroup">'
        f'<tr role="row">{head}</tr></thead><tbody role="rowgroup">{rows}</tbody></table></div>'
    )


def _password_html(what: str, person: Person, password: str) -> str:
    return (
        f"<p>{what} The password of <b>{escaped(person.name)}</b>, shown only now: <code>{escaped(password)}</code></p>"
        "<p>Give it to its owner, who has to choose another at the first sign-in.</p>"
    )


def _role(value: object) -> Role:
    if value not in list(Role):
        raise NotAllowed("Choose a role first.")
    return Role(str(value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Layout:
    """The page's components that handlers read or write."""

    name: gr.Textbox
    role: gr.Dropdown
    add: gr.Button
    listed: gr.HTML
    new_role: gr.Dropdown
    change: gr.Button
    renew: gr.Button
    ask: gr.Button
    keep: gr.Button
    really: gr.Button
    chosen: gr.State
    outputs: list[Any]


def lay_out() -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    gr.HTML(WHAT_IT_IS, js_on_load=None)
    notice = gr.HTML("", elem_id="people_notice", js_on_load=None)
    news = gr.HTML("", elem_id="people_news", js_on_load=None)
    with gr.Column(elem_classes="card"), gr.Row(elem_classes="actions"):
        name = gr.Textbox(label="Name", max_length=MAX_NAME, max_lines=1, elem_id="people_name", min_width=200)
        role = gr.Dropdown(CHOICES, value=Role.ANNOTATOR.value, label="Role", elem_id="people_role", min_width=140)
        add = gr.Button("Add", variant="primary", elem_id="people_add", min_width=120)
    listed = gr.HTML("", elem_id="people_list", js_on_load=open_by_name("people_person"))
    with gr.Column(visible=False, elem_classes="card", elem_id="people_opened") as opened:
        heading = gr.HTML("", elem_id="people_person", js_on_load=None)
        with gr.Row(elem_classes="actions"):
            new_role = gr.Dropdown(CHOICES, label="Role", elem_id="people_new_role", min_width=140)
            change = gr.Button("Change the role", elem_id="people_change", min_width=140)
            renew = gr.Button("New password", elem_id="people_renew", min_width=140)
            ask = gr.Button("Remove…", elem_id="people_ask", min_width=120)
        with gr.Row(visible=False, elem_classes="actions", elem_id="people_removing") as removing:
            really = gr.Button("Remove for good", variant="stop", elem_id="people_really", min_width=140)
            keep = gr.Button("Keep", elem_id="people_keep", min_width=100)
    chosen = gr.State("")
    outputs = [chosen, notice, news, listed, name, heading, new_role, opened, removing]
    return Layout(name, role, add, listed, new_role, change, renew, ask, keep, really, chosen, outputs)


def wire(people: People, layout: Layout, tab: gr.Tab, rights: Rights) -> None:
    """Connect the components with the handlers."""
    page = PeoplePage(people, rights)
    tab.select(page.look, layout.chosen, layout.outputs, **HIDDEN)
    gr.on([layout.add.click, layout.name.submit], page.add, [layout.name, layout.role], layout.outputs, **HIDDEN)
    layout.listed.click(page.open_clicked, None, layout.outputs, **HIDDEN)
    layout.change.click(page.change_role, [layout.chosen, layout.new_role], layout.outputs, **HIDDEN)
    layout.renew.click(page.renew_password, layout.chosen, layout.outputs, **HIDDEN)
    layout.ask.click(page.ask_to_remove, layout.chosen, layout.outputs, **HIDDEN)
    layout.keep.click(page.look, layout.chosen, layout.outputs, **HIDDEN)
    layout.really.click(page.remove, layout.chosen, layout.outputs, **HIDDEN)
