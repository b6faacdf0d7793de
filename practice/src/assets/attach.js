for (const input of document.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    const shown = input.nextElementSibling;
    shown.textContent = input.files.length ? input.files[0].name : 'No file chosen';
  });
}
for (const form of document.forms) {
  form.addEventListener('submit', () => setTimeout(() => { form.querySelector('button[type=submit]').disabled = true; }));
}
addEventListener('pageshow', () => document.querySelectorAll('button[type=submit]').forEach((b) => { b.disabled = false; }));
const firstWrong = document.querySelector('[aria-invalid=true]');
if (firstWrong) firstWrong.scrollIntoView({ block: 'center' });
