// Runs before the first paint, so that nobody who wants dark is blinded by white.
{
  const wanted = localStorage.getItem('weft-theme');
  if (wanted === 'light' || wanted === 'dark') document.documentElement.dataset['theme'] = wanted;
}
