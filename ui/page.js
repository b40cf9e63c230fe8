() => {
  // Gradio replaces what is inside these boxes; the boxes stay, so a screen reader hears each change once.
  const announce = (id, role, manner) => {
    const box = document.getElementById(id);
    if (!box) return false;
    box.setAttribute('role', role);
    box.setAttribute('aria-live', manner);
    return true;
  };
  const boxes = [
    ['announcement', 'status', 'polite'],
    ['status', 'status', 'polite'],
    ['vote_text', 'status', 'polite'],
    ['notice', 'alert', 'assertive'],
    ['knowledge_news', 'status', 'polite'],
    ['knowledge_notice', 'alert', 'assertive'],
  ];
  let tries = 0;
  const timer = setInterval(() => {
    const found = boxes.map((box) => announce(...box));
    if (found.every(Boolean) || ++tries > 100) clearInterval(timer);
  }, 100);

  // Back on the Compare page, the address must no longer name a comparison. A click, not Gradio's own select
  // event: that also fires while a permalink loads.
  document.addEventListener('click', (event) => {
    const address = new URL(window.location);
    if (!event.target.closest('#compare_tab-button') || !address.searchParams.has('comparison')) return;
    address.searchParams.delete('comparison');
    window.history.replaceState(null, '', address);
  });
}
