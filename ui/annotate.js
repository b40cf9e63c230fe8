() => {
  // The keys of the Annotate page, as its help lists them: <kbd data-press="element"> or <kbd data-reason="text">.
  const find = (id) => document.getElementById(id);
  const keys = () => Array.from(document.querySelectorAll('#annotate_help kbd'));
  const skipping = () => find('annotate_skipping');
  const chips = () => Array.from(document.querySelectorAll('#annotate_reasons label'));
  const chip = (reason) => chips().find((label) => label.textContent.trim().toLowerCase() === reason);
  const shown = (element) => element && element.offsetParent !== null;

  // Badges beside what a key does; done again whenever Gradio draws the page anew.
  const badge = () => {
    for (const key of keys()) {
      const target = key.dataset.press ? find(key.dataset.press) : chip(key.dataset.reason);
      if (!target || !['BUTTON', 'LABEL'].includes(target.tagName) || target.dataset.key) continue;
      target.dataset.key = key.textContent;
      if (target.tagName === 'BUTTON') target.setAttribute('aria-keyshortcuts', key.textContent);
    }
    skipping()?.querySelectorAll('button').forEach((button, place) => (button.dataset.key = String(place + 1)));
    for (const [id, role] of [['annotate_saved', 'status'], ['annotate_notice', 'alert']]) {
      find(id)?.setAttribute('role', role);
    }
  };
  // The next pair is read from its question on.
  let question = null;
  const scroll = () => {
    const now = document.querySelector('#annotate_pair .question');
    if (now && now !== question && now.getBoundingClientRect().top < 0) now.scrollIntoView({ block: 'start' });
    question = now;
  };
  let soon = 0;
  new MutationObserver(() => {
    scroll();
    clearTimeout(soon);
    soon = setTimeout(badge, 150);
  }).observe(document.body, { childList: true, subtree: true });
  badge();

  const close = () => skipping()?.classList.remove('open');
  const help = () => {
    const dialog = find('annotate_help');
    if (dialog.open) dialog.close();
    else dialog.showModal();
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.id === 'annotate_skip') {
      if (skipping().classList.toggle('open')) skipping().querySelector('button').focus();
    } else if (button.id === 'annotate_help_open') help();
    else if (button.id === 'annotate_rest') {
      document.querySelectorAll('#annotate_pair .rest').forEach((rest) => rest.classList.add('open'));
      button.hidden = true;
    } else if (button.closest('#annotate_judging')) close();
  });

  // What a key means on any keyboard: the row of digits gives other signs on AZERTY, Caps Lock capitals. Without Num Lock
  // the other digits are arrows, and mean those.
  const meant = ({ key = '', code = '', shiftKey }) => {
    const plain = key.toLowerCase();
    if (shiftKey || key.length > 1 || keys().some((one) => one.textContent === plain)) return plain;
    return /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1] ?? plain;
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !shown(find('annotate_top'))) return;
    const target = event.target;
    if (target.matches('textarea, select, [contenteditable], input:not([type=checkbox]):not([type=radio])')) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    if (find('annotate_help').open && event.key !== '?') return;
    const open = skipping()?.classList.contains('open');
    if (open && event.key === 'Escape') return close();
    const wanted = meant(event);
    if (open && /^[1-9]$/.test(wanted)) {
      event.preventDefault();
      skipping().querySelectorAll('button')[Number(wanted) - 1]?.click();
      return;
    }
    const key = keys().find((one) => one.textContent === wanted);
    if (!key) return;
    event.preventDefault();
    if (key.dataset.reason) return chip(key.dataset.reason)?.querySelector('input').click();
    const pressed = find(key.dataset.press);
    if (!shown(pressed)) return;
    if (pressed.tagName === 'BUTTON') pressed.click();
    else pressed.querySelector('textarea, input').focus();
  });
}
