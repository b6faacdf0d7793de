(() => {
  const shapes = SHAPES, box = document.getElementById('«i-box»'), puzzle = document.getElementById('«i-puzzle»');
  const grid = document.getElementById('«i-grid»'), picked = new Set();
  shapes.forEach((shape, tile) => {
    const canvas = document.createElement('canvas'); canvas.width = canvas.height = 88;
    const c = canvas.getContext('2d');
    c.fillStyle = 'hsl(' + shape * 37 % 360 + ' 30% 82%)'; c.fillRect(0, 0, 88, 88);
    c.translate(44, 44); c.rotate(shape * .37); c.fillStyle = 'hsl(' + shape * 61 % 360 + ' 60% 40%)'; c.beginPath();
    if (shape % 3 === 0) { c.moveTo(0, -28); c.lineTo(25, 18); c.lineTo(-25, 18); }
    else if (shape % 3 === 1) c.arc(0, 0, 25, 0, 7);
    else c.rect(-22, -22, 44, 44);
    c.fill();
    canvas.addEventListener('click', () => {
      if (picked.delete(tile)) canvas.classList.remove('«c-picked»'); else { picked.add(tile); canvas.classList.add('«c-picked»'); }
    });
    grid.append(canvas);
  });
  const open = () => { if (box.getAttribute('aria-checked') === 'false') puzzle.hidden = false; };
  box.addEventListener('click', open);
  box.addEventListener('keydown', (e) => { if (e.key === ' ') { e.preventDefault(); open(); } });
  document.getElementById('«i-verify»').addEventListener('click', async () => {
    const answer = await fetch('/challenge/NONCE', { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tiles: [...picked] }) }).then((r) => r.json()).catch(() => ({}));
    if (!answer.passed) { document.getElementById('«i-said»').textContent = 'Please try again.'; return; }
    puzzle.hidden = true; box.setAttribute('aria-checked', 'true'); box.textContent = '✓';
    parent.postMessage({ passed: answer.passed }, location.origin);
  });
})();
