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
    ['results_headline', 'status', 'polite'],
  ];
  let tries = 0;
  const timer = setInterval(() => {
    const found = boxes.map((box) => announce(...box));
    if (found.every(Boolean) || ++tries > 100) clearInterval(timer);
  }, 100);

  // Back on the Compare page, the address must no longer name a comparison; off the Results page, no view of it. A
  // click, not Gradio's own select event: that also fires while a permalink loads.
  window.viewParts = ['results', 'pair', 'class', 'topic', 'document', 'wording', 'annotator', 'versions', 'since', 'until', 'hasty'];
  document.addEventListener('click', (event) => {
    const tab = event.target.closest('button[role="tab"]');
    if (!tab) return;
    const address = new URL(window.location);
    const before = address.search;
    if (tab.id !== 'results_tab-button') window.viewParts.forEach((part) => address.searchParams.delete(part));
    if (['compare_tab-button', 'results_tab-button'].includes(tab.id)) address.searchParams.delete('comparison');
    if (address.search !== before) window.history.replaceState(null, '', address);
  });
}
