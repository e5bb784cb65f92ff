// File integrity on the page: changes one by one and in groups, what changed and who, names that want to be markup, and
// baselines that went back.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { axe, check, state } from './acts.mjs';
import { changes, send } from './fixtures.mjs';

const severity = (page, word) => page.getByRole('group', { name: 'Narrow' }).getByRole('button', { name: new RegExp(`^${word}`) });
const group = (page, name) => page.getByRole('group', { name: 'One row for each' }).getByRole('button', { name, exact: true });
const panel = (page) => page.getByRole('region', { name: 'What changed' });
const lines = (page) => page.locator('[role=grid] .row');

/** Asks again until the text stands there: events become searchable within two seconds. */
async function until(page, selector, wanted) {
  const there = ([where, what]) => {
    if ([...document.querySelectorAll(where)].some((element) => element.textContent.includes(what))) return true;
    document.querySelector('button[title^=Refresh]')?.click();
    return false;
  };
  await page.waitForFunction(there, [selector, wanted], { timeout: 30_000, polling: 500 });
}

/** Waits until the list says that it is counted. */
async function counted(page) {
  await page.waitForFunction(() => document.querySelector('.middle')?.getAttribute('aria-busy') === 'false' && document.querySelector('.total') !== null);
}

/** Why no change of a file can be seen live here; empty: it can. */
async function whyNotWatched({ context, server }) {
  if (!server.watched) return 'the server was not started by this test';
  const agents = await (await context.request.get(`${server.origin}/api/agents`)).json();
  const source = agents.flatMap((agent) => agent.sources).find((one) => one.name === 'fim');
  if (!source) return 'no agent watches files';
  return source.state !== 'off' ? '' : `the source is ${source.state}: ${source.reason ?? ''}`;
}

export const fileSteps = {
  async 'changes of files'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const made = changes();
    await send(world, 'fim', made.changes);
    await send(world, 'health', made.notices);
    const only = encodeURIComponent(`host.name:${made.host}*`);
    await page.goto(`${server.origin}/ui/files?from=now-24h&q=${only}`);
    await until(page, '.total', made.changes.length.toLocaleString('en-US'));
    await lines(page).first().waitFor();
    await world.shot('files');
    await axe(world, 'changes of files');

    await severity(page, 'critical').click();
    await counted(page);
    check(state(page).get('severity') === 'critical', 'the severity is not in the address');
    await page.waitForFunction((many) => document.querySelector('.total')?.textContent === many, String(made.critical));
    await severity(page, 'critical').click();
    await counted(page);
    await page.keyboard.press('u');
    await page.waitForFunction((many) => document.querySelector('.total')?.textContent === many.toLocaleString('en-US'), made.changes.length - made.packaged);
    await page.keyboard.press('u');
    await counted(page);
    world.files = made;
  },

  async 'a change on this host'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const why = await whyNotWatched(world);
    if (why !== '') {
      check(process.env.AUDITNG_LIVE !== 'require', `no live change of a file: ${why}`);
      world.notes.push(`not live: ${why}`);
      return;
    }
    const file = join(server.watched, 'live.conf');
    const wait = async (action) => {
      await page.goto(`${server.origin}/ui/files?from=now-15m&file=${encodeURIComponent(file)}`);
      await page.getByRole('heading', { name: 'File integrity' }).waitFor();
      await until(page, '[role=grid] .row', action);
    };
    writeFileSync(file, 'listen = 80\npassword = hunter2hunter2\nuser = www\n');
    await wait('created');
    const began = performance.now();
    // A program of its own makes the change, so that who did it is known from outside of this test.
    const edit = spawnSync('/bin/sh', ['-c', `sleep 0.2; echo 'listen = 8080' > "$0"; echo 'password = hunter3hunter3' >> "$0"; echo 'user = www' >> "$0"; sleep 0.5`, file]);
    check(edit.status === 0, `the edit failed: ${edit.stderr}`);
    await wait('updated');
    const took = Math.round(performance.now() - began);
    await page.locator('[role=grid] .row', { hasText: 'updated' }).first().click();
    await panel(page).getByRole('region', { name: 'Difference of the text' }).waitFor();
    const text = await panel(page).textContent();
    check(text.includes('listen = 8080') && text.includes('listen = 80'), `the difference is not shown: ${text.slice(0, 600)}`);
    check(text.includes('redacted 1') && !text.includes('hunter'), 'the password is not redacted');
    check(/(certain|strong)/.test(text) && /\/(da|ba)?sh|busybox/.test(text), `who is not shown: ${text.slice(0, 400)}`);
    check(text.includes('e2e'), 'the policy');
    await world.shot('files-live');
    world.notes.push(`a file changed by a program of its own was on the page with who and difference after ${took} ms`);
    await page.keyboard.press('Escape');
  },

  async 'what changed and who'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const { host } = world.files;
    await page.goto(`${server.origin}/ui/files?from=now-24h&q=${encodeURIComponent(`host.name:${host}-0 file.path:"/etc/ssh/sshd_config"`)}`);
    await lines(page).first().waitFor();
    await lines(page).first().click();
    await panel(page).getByRole('region', { name: 'Difference of the text' }).waitFor();
    const text = await panel(page).textContent();
    for (const wanted of ['PermitRootLogin yes', 'added:', 'removed:', 'redacted 1', 'certain', 'ada with /usr/bin/vim', 'sha256', '0644', 'History of this file: 2 changes']) {
      check(text.includes(wanted), `the change does not show ${wanted}`);
    }
    check(!text.includes('hunter2'), 'a secret');
    check((await panel(page).locator('.line.add').count()) === 2 && (await panel(page).locator('.line.del').count()) === 1, 'lines of the difference');
    await world.shot('files-change');
    await axe(world, 'a change');
    await panel(page).locator('.history button').nth(1).click();
    await page.waitForFunction(() => document.querySelector('section[aria-label="What changed"] h2')?.textContent.startsWith('created'));
    check((await panel(page).getByText('nobody is named: a scan').count()) === 1, 'who, where nobody knows');
    check((await panel(page).getByText('happened between').count()) === 1, 'the window of a scan');
    await page.keyboard.press('Escape');
    await panel(page).waitFor({ state: 'detached' });
    await page.goto(`${server.origin}/ui/files?from=now-24h&open=${encodeURIComponent('no-such-event')}`);
    world.expected.push(/status of 404/);
    await page.getByText('The change could not be read').waitFor();
    world.expected.length = 0;
  },

  async 'hostile names of files'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const { host, hostile } = world.files;
    await page.goto(`${server.origin}/ui/files?from=now-24h&by=file&q=${encodeURIComponent(`host.name:${host}-hostile`)}`);
    await page.locator('tbody tr').nth(hostile.length - 1).waitFor();
    const shown = await page.locator('tbody').textContent();
    check(/two\\nlines/.test(shown) && shown.includes('\\e[31m') && shown.includes('\\u202e'), `names are not escaped: ${shown.slice(0, 400)}`);
    check((await page.locator('tbody img, tbody script, tbody b').count()) === 0, 'a name became markup');
    check(await page.evaluate(() => globalThis.pwned === undefined), 'a name ran');
    await world.shot('files-hostile');
    for (const name of hostile) {
      await page.goto(`${server.origin}/ui/files?from=now-24h&file=${encodeURIComponent(name)}`);
      await page.waitForFunction(() => document.querySelector('.total')?.textContent === '1');
      await lines(page).first().click();
      await panel(page).getByText('History of this file: 1 change').waitFor();
      await page.keyboard.press('Escape');
    }
    check(await page.evaluate(() => globalThis.pwned === undefined), 'a name ran');
  },

  async 'changes in groups'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const made = world.files;
    const only = encodeURIComponent(`host.name:${made.host}*`);
    await page.goto(`${server.origin}/ui/files?from=now-24h&q=${only}`);
    for (const [name, by] of [['Files', 'file'], ['Hosts', 'host'], ['Containers', 'container'], ['Packages', 'package'], ['Policies', 'policy']]) {
      await group(page, name).click();
      await page.locator('tbody tr').first().waitFor();
      await counted(page);
      check(state(page).get('by') === by, `by ${by} is not in the address`);
      check((await page.locator('tbody tr').first().textContent()).length > 10, `an empty row by ${by}`);
      await world.shot(`files-by-${by}`);
    }
    await axe(world, 'changes by policy');
    const row = page.locator('tbody tr').first();
    const policy = (await row.locator('.name').textContent()).trim();
    const many = await row.locator('.number').first().evaluate((cell) => cell.firstChild.textContent);
    await row.getByRole('button').first().click();
    await lines(page).first().waitFor();
    await page.waitForFunction((wanted) => document.querySelector('.total')?.textContent === wanted, many);
    check(state(page).get('policy') === policy && !state(page).has('by'), 'a group leads to its changes');
    await page.goBack();
    await page.locator('tbody tr').first().waitFor();
    check(state(page).get('by') === 'policy', 'back does not lead to the groups');

    await group(page, 'Files').click();
    await page.getByRole('searchbox', { name: 'Find a file' }).fill('sshd_CONFIG');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await page.getByRole('button', { name: 'severities' }).click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get('order') === 'severity:desc');
    await page.getByRole('heading', { name: 'File integrity' }).click();
    await page.keyboard.press('g');
    await page.waitForFunction(() => new URL(location.href).searchParams.get('by') === 'host');
  },

  async 'baselines and coverage'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no changes of files');
    const { page, server } = world;
    const { host } = world.files;
    await page.goto(`${server.origin}/ui/files?from=now-24h`);
    await page.getByRole('heading', { name: 'File integrity' }).waitFor();
    await until(page, '.banner.error', 'went back to an earlier generation');
    await page.keyboard.press('b');
    const back = page.locator('tr', { hasText: `${host}-0` }).first();
    await back.getByText('rolled back').waitFor();
    check((await back.textContent()).includes('2'), 'the generation');
    check((await page.locator('tr', { hasText: `${host}-1` }).first().textContent()).includes('more than a week'), 'a late comparison');
    await page.getByText('seen by scans only').first().waitFor();
    await back.getByRole('button', { name: 'Chain' }).click();
    await page.locator('.chain ol li').nth(2).waitFor();
    check((await page.locator('.chain ol li').first().textContent()).includes('rolled back'), 'the newest of the chain comes first');
    await world.shot('files-trust');
    await axe(world, 'baselines and coverage');

    await page.getByRole('button', { name: 'Accept …' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Accept this baseline' });
    check(await dialog.getByRole('button', { name: 'Accept', exact: true }).isDisabled(), 'accepted without a reason');
    await dialog.getByLabel('Reason').fill('state restored on purpose');
    await world.shot('files-accept');
    await axe(world, 'accepting a baseline');
    await dialog.getByRole('button', { name: 'Accept', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await back.getByText('accepted').waitFor();
  },
};
