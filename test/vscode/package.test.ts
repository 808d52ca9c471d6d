/** What package.json promises to VS Code is what the code has. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { propertyIds } from '../../src/language/properties';
import { treeRequests } from '../../src/view/tree';

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8'));
const code = readdirSync('src/vscode')
  .map(name => readFileSync(`src/vscode/${name}`, 'utf8'))
  .join('\n');

test('the properties that a launch can name are those that are watched', () => {
  const { properties } = contributes.debuggers[0].configurationAttributes.launch;
  expect(properties.properties.items.enum).toEqual([...propertyIds]);
});

test('every command is registered, and every menu names one', () => {
  const commands: string[] = contributes.commands.map(({ command }: { command: string }) => command);
  for (const command of commands) expect(code).toContain(`registerCommand('${command}'`);
  const menus = Object.values<{ command: string }[]>(contributes.menus).flat();
  for (const { command } of menus) expect(commands).toContain(command);
  const welcome: string = contributes.viewsWelcome
    .map(({ contents }: { contents: string }) => contents)
    .join();
  for (const [, command] of welcome.matchAll(/\(command:([\w.]+)\)/g)) expect(commands).toContain(command);
});

test('every setting is read', () => {
  for (const name of Object.keys(contributes.configuration.properties)) {
    const [, section, key] = /^(.+)\.(\w+)$/.exec(name) ?? [];
    expect(code).toContain(`getConfiguration('${section}'`);
    expect(code).toMatch(new RegExp(`(get<[^(]*>|limit)\\('${key}'\\)`));
  }
});

test('every view shows the tree of a request', () => {
  const views: string[] = contributes.views.debug.map(({ id }: { id: string }) => id);
  expect(views.map(id => id.replace('shootdown.', 'shootdown/'))).toEqual([...treeRequests]);
  for (const id of views) expect(code).toContain(`registerTree('${id}', '${id.replace('.', '/')}'`);
});

test('grammar, language configuration and icon are there', () => {
  const paths = [contributes.grammars[0].path, contributes.languages[0].configuration];
  for (const path of paths) expect(() => JSON.parse(readFileSync(path, 'utf8'))).not.toThrow();
  const { scopeName } = JSON.parse(readFileSync(contributes.grammars[0].path, 'utf8'));
  expect(contributes.grammars[0].scopeName).toBe(scopeName);
  expect(readFileSync('media/icon.png').subarray(1, 4).toString()).toBe('PNG');
});
