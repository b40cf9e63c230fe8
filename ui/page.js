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
    ['people_news', 'status', 'polite'],
    ['people_notice', 'alert', 'assertive'],
  ];
  // A page that is not shown yet has no boxes: look again when a tab is opened.
  let timer;
  const look = () => {
    let tries = 0;
    clearInterval(timer);
    timer = setInterval(() => {
      const found = boxes.map((box) => announce(...box));
      if (found.every(Boolean) || ++tries > 100) clearInterval(timer);
    }, 100);
  };
  look();
  document.addEventListener('click', (event) => event.target.closest('[role="tab"]') && look());

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

  // After signing in, back to where one was: the address and the tab.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a.way-in');
    if (!link) return;
    const address = new URL(window.location);
    const tab = document.querySelector('#pages [role="tab"][aria-selected="true"]');
    address.searchParams.delete('tab');
    if (tab && tab.id.endsWith('_tab-button') && tab.id !== 'compare_tab-button')
      address.searchParams.set('tab', tab.id.replace('_tab-button', ''));
    const back = address.search.slice(1);
    link.href = link.getAttribute('href').split('?')[0] + (back ? '?back=' + encodeURIComponent(back) : '');
  });
}
