/** Draws the rows that the extension sends, and tells it which cell is clicked. Decides nothing. */
(() => {
  const vscode = acquireVsCodeApi();
  const [head] = document.getElementsByTagName('thead');
  const [body] = document.getElementsByTagName('tbody');
  const element = id => document.getElementById(id);

  function drawHead(headings) {
    const row = document.createElement('tr');
    for (const heading of headings) {
      const cell = document.createElement('th');
      cell.scope = 'col';
      cell.textContent = heading;
      row.append(cell);
    }
    head.replaceChildren(row);
    body.replaceChildren();
  }

  function drawRow(index, { cells, isOwn }) {
    const row = document.createElement('tr');
    if (isOwn) row.className = 'own';
    row.append(...cells.map(cell => drawCell(index, cell)));
    const before = body.rows[index];
    if (!before) {
      body.append(row);
      return;
    }
    // Who moves through the table with the keyboard stays where they are.
    const focused = [...before.querySelectorAll('button')].indexOf(document.activeElement);
    before.replaceWith(row);
    if (focused >= 0) row.querySelectorAll('button')[focused]?.focus();
  }

  function drawCell(index, { text, tone, isNumber, tooltip, debugs }) {
    const cell = document.createElement('td');
    cell.className = `${tone} ${isNumber ? 'number' : ''}`;
    cell.title = tooltip;
    if (!debugs) {
      cell.textContent = text;
      return cell;
    }
    const button = document.createElement('button');
    button.textContent = text;
    button.title = tooltip;
    button.addEventListener('click', () => vscode.postMessage({ type: 'debug', index, column: debugs }));
    cell.append(button);
    return cell;
  }

  window.addEventListener('message', ({ data }) => {
    if (data.type === 'start') drawHead(data.headings);
    if (data.type === 'row') drawRow(data.index, data.row);
    if (data.type !== 'status') return;
    element('status').textContent = data.text;
    element('cancel').hidden = !data.isRunning;
    element('again').hidden = data.isRunning;
  });
  for (const id of ['cancel', 'again'])
    element(id).addEventListener('click', () => vscode.postMessage({ type: id }));
  vscode.postMessage({ type: 'ready' });
})();
