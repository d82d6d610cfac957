import type { DebugAnswer } from '../debug/server.js';

/** A form that asks for a token; `problem` must be a text of ours, or is escaped. It needs neither script nor style. */
export function loginPage(status: number, problem = ''): DebugAnswer {
  const said = problem === '' ? '' : `<p role="alert"><b>${escaped(problem)}</b></p>`;
  return {
    status,
    type: 'text/html; charset=utf-8',
    body: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Weft: log in</title></head>
<body>
<h1>Weft</h1>
${said}
<form method="post" action="/dashboard/login">
<p><label>Token of an account that may see the mesh:<br><input type="password" name="token" autocomplete="off" required autofocus size="60"></label></p>
<p><button>Log in</button></p>
</form>
<p>Make one with <code>kubectl create token ACCOUNT</code>. Without any: <code>weft dashboard</code> opens this page by a port-forward.</p>
</body>
</html>
`,
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
