// Comfort for the API reference: a search box. Without this file the contents lead everywhere.
const query = document.querySelector('#query');
const found = document.querySelector('#found');
const entries = [...document.querySelectorAll('[data-entry]')].map((element) => ({
  element,
  // Examples would make every word match everywhere.
  text: [...element.children].filter((child) => child.tagName !== 'DETAILS')
    .map((child) => child.textContent).join(' ').toLowerCase(),
}));
const groups = [...document.querySelectorAll('[data-group]')];
const links = [...document.querySelectorAll('[data-for]')];

const filter = () => {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { element, text } of entries) {
    element.hidden = !words.every((word) => text.includes(word));
    count += !element.hidden;
  }
  for (const group of groups) group.hidden = !group.querySelector('[data-entry]:not([hidden])');
  for (const link of links) link.hidden = document.getElementById(link.dataset.for).hidden;
  for (const id of ['top', 'errors']) document.getElementById(id).hidden = words.length > 0;
  document.querySelector('#nothing').hidden = count > 0;
  found.textContent = words.length ? `${count} found` : '';
};

document.querySelector('#find').hidden = false;
query.addEventListener('input', filter);
// A link may lead to what the search hides.
addEventListener('hashchange', () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target || !target.closest('[hidden]')) return;
  query.value = '';
  filter();
  target.scrollIntoView();
});
// On phones the contents would fill the first screens.
if (matchMedia('(max-width: 899px)').matches) document.querySelector('nav details').open = false;
filter();
