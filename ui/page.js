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
  ];
  let tries = 0;
  const timer = setInterval(() => {
    const found = boxes.map((box) => announce(...box));
    if (found.every(Boolean) || ++tries > 100) clearInterval(timer);
  }, 100);
}
