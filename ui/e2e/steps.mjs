// The steps, in order; each leaves the page where the next can begin. A step throws when something is not as a user
// should see it. Waiting is always for a condition.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, axe, bar, check, goto, refreshUntilRows, rows, settled, state, total } from './acts.mjs';
import { runContainer } from './container.mjs';
import { fileSteps } from './files.mjs';
import { family, losses, send, shop } from './fixtures.mjs';

export const steps = {
  async 'refuses without a login'({ context, server }) {
    for (const path of ['/api/me', '/api/fields', '/api/agents', '/api/health', '/api/saved', '/api/tail', '/api/export', '/api/events/x', '/api/processes/x/tree', '/api/containers', '/api/containers/x', '/api/loss', '/api/v1/fim/changes', '/api/v1/fim/file?path=x', '/api/v1/fim/coverage', '/api/v1/fim/baselines', '/api/v1/fim/baselines/x']) {
      const answer = await context.request.get(server.origin + path);
      check(answer.status() === 401, `${path} answered ${answer.status()} without a login`);
    }
  },

  async 'log in by link'(world) {
    const { page, server } = world;
    world.expected.push(/status of 401/);
    await page.goto(`${server.origin}/ui/search`);
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    await axe(world, 'the login');
    await page.goto('about:blank');
    await page.goto(`${server.origin}/ui/login#${server.link}`);
    await page.getByRole('button', { name: 'Not now' }).or(page.getByRole('navigation', { name: 'Views' })).first().waitFor();
    check(!page.url().includes(server.link), 'the secret stays in the address');
    await world.shot('login');
    if (await page.getByRole('button', { name: 'Not now' }).isVisible()) await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    await goto(world, '/ui/search?from=*');
    await refreshUntilRows(page, 4);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1);
    world.notes.push(`first paint after ${Math.round(paint)} ms, ${await total(page).textContent()}`);
    world.expected.length = 0;
  },

  async 'the link works once'({ browser, server, complaints }) {
    const context = await browser.newContext();
    const page = await context.newPage();
    if (server.kind !== 'mock') {
      await page.goto(`${server.origin}/ui/login#${server.link}`);
      await page.getByText('This link does not work').waitFor();
    }
    await context.close();
    complaints.length = 0;
  },

  async 'search'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*');
    const all = await total(page).textContent();
    await ask(page, 'event.outcome:success');
    check((await rows(page).count()) > 0, 'no event with the outcome success; is the store empty?');
    check((await total(page).textContent()) !== '', 'no total');
    await page.locator('.plot canvas').waitFor();
    await page.getByText('read as').waitFor();
    await world.shot('search');
    await axe(world, 'search');
    world.notes.push(`${all} in all, ${await total(page).textContent()} succeeded`);
  },

  async 'an error is under its place'(world) {
    const { page } = world;
    world.expected.push(/status of 400/);
    await bar(page).fill('event.outcome:success "never closed');
    await bar(page).press('Enter');
    await page.locator('.problems').waitFor();
    const marked = await page.locator('.mirror .bad').first().textContent();
    check(marked.startsWith('"'), `the marked place is ${marked}`);
    check(await page.getByText('No events match').isHidden(), 'an error looks like no events');
    await world.shot('query-error');
    world.expected.length = 0;
  },

  async 'completion'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*');
    await bar(page).click();
    await bar(page).pressSequentially('event.outc');
    await page.getByRole('option', { name: /event\.outcome/ }).waitFor();
    await bar(page).press('ArrowDown');
    await bar(page).press('Enter');
    await page.getByRole('option', { name: /success/ }).waitFor();
    await world.shot('completion');
    await page.getByRole('option', { name: /success/ }).click();
    await bar(page).press('Enter');
    await settled(page);
    check(state(page).get('q') === 'event.outcome:success', `the query is ${state(page).get('q')}`);
  },

  async 'brush, open, filter, and back again'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*&q=event.outcome%3Asuccess');
    const before = page.url();
    const over = page.locator('.u-over');
    await over.waitFor();
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width * 0.02, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.98, box.y + 30, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction((url) => location.href !== url, before);
    await settled(page);
    check(/^\d{4}-/.test(state(page).get('from')), `brushing gave ${page.url()}`);
    check((await rows(page).count()) > 0, 'nothing in the brushed time');
    const brushed = page.url();
    const brushedTotal = await total(page).textContent();

    await rows(page).nth(1).locator('.cell').first().click();
    await page.getByRole('tab', { name: 'Fields' }).waitFor();
    const opened = page.url();
    check(state(page).get('open') !== null, 'the opened event is not in the address');
    for (const [tab, name] of [['Raw records', 'raw'], ['JSON', 'json'], ['Around it', 'around'], ['Fields', 'fields']]) {
      await page.getByRole('tab', { name: tab }).click();
      await page.getByRole('tabpanel').waitFor();
      if (name === 'around') await page.locator('[role=tabpanel] li.self').waitFor();
      await world.shot(`event-${name}`);
    }
    await axe(world, 'the event');
    await page.getByRole('tabpanel').locator('.entry', { hasText: 'event.action' }).first().hover();
    await page.getByRole('button', { name: 'Copy event.action as a filter' }).first().click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    check(/^event\.action:"[^"]+"$/.test(copied), `copied ${copied}`);
    await page.getByRole('button', { name: 'Filter for this event.action' }).first().click();
    await page.waitForFunction((part) => (new URL(location.href).searchParams.get('q') ?? '').includes(part), copied);
    await settled(page);
    check((await rows(page).count()) > 0, 'the filter made from an event does not find it');

    await page.goBack();
    await page.waitForURL(opened);
    await page.getByRole('tab', { name: 'Fields' }).waitFor();
    await page.goBack();
    await page.waitForURL(brushed);
    await settled(page);
    check((await total(page).textContent()) === brushedTotal, 'back does not give the same events');
    await page.goBack();
    await page.waitForURL(before);
    await page.goForward();
    await page.waitForURL(brushed);
    await page.reload();
    await settled(page);
    check((await total(page).textContent()) === brushedTotal, 'a reload does not give the same events');
  },

  async 'field values and columns'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*');
    const aside = page.getByRole('complementary', { name: 'Fields' });
    await aside.getByRole('searchbox', { name: 'Find a field' }).fill('event.outcome');
    await aside.getByRole('button', { name: 'event.outcome', exact: false }).first().click();
    await aside.locator('.values li').first().waitFor();
    check(/%/.test(await aside.locator('.share').first().textContent()), 'no share');
    await aside.getByRole('button', { name: 'Add event.outcome as a column' }).click();
    await page.getByRole('columnheader', { name: /event\.outcome/ }).waitFor();
    check(state(page).get('cols')?.includes('event.outcome'), 'the columns are not in the address');
    await page.getByRole('columnheader', { name: /event\.outcome/ }).hover();
    await page.getByRole('button', { name: 'Column event.outcome', exact: true }).click();
    await page.getByRole('button', { name: 'Move left' }).click();
    await world.shot('columns');
  },

  async 'export'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*&q=event.outcome%3Asuccess');
    for (const [name, begins] of [['CSV, chosen columns', '@timestamp,'], ['NDJSON, whole events', '{']]) {
      await page.getByRole('button', { name: 'Export' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
      const path = await download.path();
      const { readFileSync } = await import('node:fs');
      const text = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
      check(text.replaceAll('"', '').startsWith(begins), `${name} begins with ${text.slice(0, 80)}`);
    }
  },

  async 'saved searches'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=now-7d&q=event.outcome%3Afailure');
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await page.getByRole('textbox', { name: 'Name of the saved search' }).fill('e2e failures');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('.saved').getByText('e2e failures').waitFor();
    await goto(world, '/ui/search');
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await page.locator('.saved').getByText('e2e failures').click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get('q') === 'event.outcome:failure');
    check(state(page).get('from') === 'now-7d', 'the saved time is not restored');
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await page.getByRole('button', { name: 'Delete e2e failures' }).click();
    await page.locator('.saved').getByText('e2e failures').waitFor({ state: 'detached' });
  },

  async 'hostile values'(world) {
    const { page } = world;
    const query = world.server.kind === 'mock' ? 'auditng.escaped:"process.args"' : `process.name:${await sendHostile(world)}`;
    await goto(world, `/ui/search?from=*&cols=process.args,summary&q=${encodeURIComponent(query)}`);
    await refreshUntilRows(page, 1);
    const escapes = await page.locator('[role=grid] .escape').allTextContents();
    for (const expected of ['\\u202e', '\\e', '\\0', '\\u200b']) check(escapes.some((text) => text.includes(expected)), `${expected} is not shown as an escape`);
    check((await page.locator('[role=grid] img').count()) === 0, 'markup in a value became markup');
    check((await page.evaluate(() => window.pwned)) === undefined, 'a value ran as a program');
    await world.shot('hostile-table');
    await rows(page).first().locator('.cell').first().click();
    await page.getByRole('tab', { name: 'Fields' }).waitFor();
    const folded = page.locator('.fold', { hasText: /of 6\d,\d{3}/ });
    for (let i = 0; i < 9 && (await folded.count()) === 0; i++) {
      const before = state(page).get('open');
      await page.keyboard.press('j');
      await page.waitForFunction((id) => new URL(location.href).searchParams.get('open') !== id, before).catch(() => undefined);
    }
    await folded.first().waitFor();
    await world.shot('hostile-event');
    await axe(world, 'an event with hostile values');
  },

  async 'scroll to the end'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*');
    const result = await page.evaluate(async () => {
      const grid = document.querySelector('[role=grid]');
      const began = performance.now();
      let worst = 0;
      let most = 0;
      let last = began;
      let grew = began;
      while (performance.now() - began < 60_000 && performance.now() - grew < 5_000 && grid.scrollHeight < 100_200 * 26) {
        const height = grid.scrollHeight;
        grid.scrollTop = height;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        worst = Math.max(worst, now - last);
        last = now;
        most = Math.max(most, grid.querySelectorAll('.row').length);
        if (grid.scrollHeight !== height) grew = now;
      }
      return { rows: Math.round(grid.scrollHeight / 26), worst, most, seconds: (performance.now() - began) / 1000, text: grid.querySelector('.row:last-child')?.textContent ?? '' };
    });
    check(result.most > 0 && result.most <= 100, `${result.most} rows in the document`);
    check(/\d\d:\d\d:\d\d/.test(result.text), 'the last row is not drawn');
    const all = Number(/[\d,]+/.exec(await total(page).textContent())[0].replaceAll(',', ''));
    check(result.seconds > 55 || result.rows >= Math.min(all, 100_000), `only ${result.rows} of ${all} rows were reached`);
    world.notes.push(`${result.rows} rows in ${result.seconds.toFixed(1)} s, at most ${result.most} in the document, longest frame ${Math.round(result.worst)} ms`);
  },

  async 'keyboard alone'(world) {
    const { page } = world;
    await goto(world, '/ui/search?from=*');
    await page.keyboard.press('/');
    check(await bar(page).evaluate((input) => document.activeElement === input), '/ does not go to the query');
    await page.keyboard.type('event.outcome:success ');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => new URL(location.href).searchParams.get('q') === 'event.outcome:success');
    await settled(page);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Fields' }).waitFor();
    const first = state(page).get('open');
    await page.keyboard.press('j');
    await page.waitForFunction((id) => new URL(location.href).searchParams.get('open') !== id, first);
    await page.keyboard.press('k');
    await page.waitForFunction((id) => new URL(location.href).searchParams.get('open') === id, first);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !new URL(location.href).searchParams.has('open'));
    check(await page.evaluate(() => document.activeElement?.getAttribute('role') === 'grid'), 'closing does not give the focus back to the table');
    for (const key of ['[', ']', '-', '=']) {
      const before = page.url();
      await page.keyboard.press(key);
      await page.waitForFunction((url) => location.href !== url, before);
      await settled(page);
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await axe(world, 'the key list');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'detached' });
    await page.keyboard.press('t');
    await page.waitForFunction(() => location.pathname === '/ui/tail');
    await page.keyboard.press('h');
    await page.waitForFunction(() => location.pathname === '/ui/health');
  },

  async 'live tail'(world) {
    const { page, server } = world;
    await page.goto(`${server.origin}/ui/tail`);
    await page.locator('.state.on').waitFor();
    const live = await makeEvents(world);
    await rows(page).first().waitFor({ timeout: 30_000 });
    await page.keyboard.press('p');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    const shown = await rows(page).first().getAttribute('id');
    live.again();
    await page.waitForFunction(() => Number(/[\d,]+/.exec(document.querySelector('.held')?.textContent ?? '0')[0].replaceAll(',', '')) > 0, undefined, { timeout: 30_000 });
    check((await rows(page).first().getAttribute('id')) === shown, 'the paused table moves');
    await world.shot('tail-paused');
    await page.keyboard.press('p');
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await world.shot('tail');
    await axe(world, 'the live tail');
    if (live.name) {
      await page.getByText(live.name).first().waitFor({ timeout: 20_000 });
      world.notes.push(`a new exec, ${live.name}, came through the kernel to the page`);
    } else world.notes.push(live.why);
    await page.getByRole('button', { name: 'As a search' }).click();
    await page.waitForFunction(() => location.pathname === '/ui/search');
    live.stop();
  },

  async 'process tree'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no processes');
    const { page } = world;
    const told = family();
    await send(world, 'audit', told.documents);
    world.entity = told.bash;
    await goto(world, `/ui/search?from=*&q=${encodeURIComponent(`host.name:${told.host} process.name:make event.type:start`)}`);
    await refreshUntilRows(page, 1);
    await rows(page).first().locator('.cell').first().click();
    await page.getByRole('link', { name: 'Process tree' }).click();
    await treeLine(page, 'make').waitFor();
    check((await treeLine(page, 'make').getAttribute('aria-selected')) === 'true', 'the process of the event is not the chosen one');
    // By keyboard: to the parent, closed, opened.
    await page.getByRole('tree', { name: 'Processes' }).focus();
    await page.keyboard.press('ArrowLeft');
    check((await treeLine(page, 'cc').count()) === 0, 'the left arrow does not close');
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(() => document.querySelector('[role=treeitem][aria-selected=true]')?.textContent.includes('bash'));
    check(state(page).get('at') === told.bash, 'the chosen process is not in the address');
    await page.getByRole('link', { name: 'Tree from here' }).click();
    await page.waitForFunction((id) => new URL(location.href).searchParams.get('entity') === id, told.bash);
    await treeLine(page, 'nginx').first().waitFor();
    const text = async (name) => (await treeLine(page, name).first().textContent()).replaceAll(/\s+/g, ' ');
    check((await text('nginx')).includes(told.container.name), 'the container does not show');
    check((await treeLine(page, 'nginx').first().locator('.crosses').count()) === 1, 'that the container begins here does not show');
    check((await page.locator('[role=treeitem] .chip.red').first().textContent()).includes('2'), 'the failed execs do not show');
    check((await text('ld')).includes('exit 1'), 'the exit code does not show');
    check((await text('daemon')).includes('adopted'), 'that the daemon was handed over does not show');
    await world.shot('process-tree');
    await axe(world, 'the process tree');
    // What a bound left out says how much, and comes.
    const more = page.getByRole('treeitem', { name: /\d+ more children/ }).first();
    await page.getByRole('tree', { name: 'Processes' }).focus();
    await page.keyboard.press('End');
    await more.waitFor();
    await world.shot('process-tree-more');
    await grows(page, () => more.click());
    await page.keyboard.press('End');
    await page.getByRole('treeitem', { name: /true.*true 119/ }).waitFor();
    // From a process to its events and back.
    await page.keyboard.press('Home');
    await page.goto(`${world.server.origin}/ui/process?entity=${encodeURIComponent(told.bash)}&at=${encodeURIComponent(told.id('nc'))}`);
    await page.getByRole('link', { name: /Failed execs \(2\)/ }).click();
    await settled(page);
    check((await rows(page).count()) === 2, `${await rows(page).count()} failed execs by the link`);
    await page.goBack();
    await treeLine(page, 'bash').first().waitFor();
    await page.getByRole('button', { name: 'Close all' }).click();
    await treeLine(page, 'make').waitFor({ state: 'detached' });
    world.expected.push(/status of 404/);
    await page.goto(`${world.server.origin}/ui/process?entity=nobody`);
    await page.getByText('No event names this process').waitFor();
    world.expected.length = 0;
    await liveTree(world);
  },

  async 'ten thousand children'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no processes');
    const { page, server } = world;
    const run = `wide${Date.now().toString(36)}`;
    const child = (n) => ({
      '@timestamp': new Date(Date.now() - 60_000 + n).toISOString(), host: { name: run }, event: { action: ['exec'], category: ['process'], type: ['start'], outcome: 'success' },
      process: { entity_id: `${run}-${n}`, name: 'child', pid: n + 2, args: ['child', String(n)], parent: { entity_id: run, pid: 1, name: 'parent' } },
    });
    for (let n = 0; n < 10_000; n += 2500) await send(world, 'audit', Array.from({ length: 2500 }, (_, i) => child(n + i)));
    await goto(world, `/ui/search?from=*&q=host.name:${run}`);
    await refreshUntilRows(page, 1);
    await page.waitForFunction(async (id) => ((await (await fetch(`/api/processes/${id}/tree`)).json()).nodes ?? []).some((node) => node.children.total === 10_000), run, { timeout: 30_000, polling: 500 });
    const began = performance.now();
    await page.goto(`${server.origin}/ui/process?entity=${run}`);
    await page.getByRole('treeitem', { name: /parent/ }).waitFor();
    const shown = performance.now() - began;
    for (let i = 0; i < 4; i++) {
      await page.getByRole('tree', { name: 'Processes' }).focus();
      await page.keyboard.press('End');
      await grows(page, () => page.keyboard.press('Enter'));
    }
    await page.keyboard.press('End');
    const drawn = await page.getByRole('treeitem').count();
    check(drawn > 0 && drawn < 120, `${drawn} lines in the document`);
    await page.getByRole('treeitem', { name: /9,150 more children/ }).waitFor();
    await world.shot('process-tree-wide');
    world.notes.push(`the tree of 10,000 children after ${Math.round(shown)} ms, ${drawn} lines in the document`);
  },

  async 'containers'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock knows no containers');
    const { page, server } = world;
    const told = shop();
    await send(world, 'audit', told.documents);
    await page.goto(`${server.origin}/ui/containers?from=now-15m`);
    const line = (text) => page.locator('tbody tr', { hasText: text });
    await page.waitForFunction((name) => {
      if (document.querySelector('tbody')?.textContent.includes(name)) return true;
      document.querySelector('button[title^=Refresh]')?.click();
      return false;
    }, told.lateName, { timeout: 30_000, polling: 700 });
    const late = (await line(told.lateName).textContent()).replaceAll(/\s+/g, ' ');
    check(late.includes('alpine:3.22') && late.includes('named later'), `a name that came later: ${late}`);
    check((await line('Not known where').textContent()).includes('gone before anybody could look'), 'the unknown do not say why');
    await world.shot('containers');
    await axe(world, 'the containers');
    await page.getByRole('searchbox', { name: /Find a name/ }).fill('redis');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody').textContent.includes('redis'));
    check(state(page).get('find') === 'redis', 'what is looked for is not in the address');
    await page.getByRole('searchbox', { name: /Find a name/ }).fill('');
    await page.getByRole('button', { name: 'Images' }).click();
    await line('registry.example/shop/front:4.2.1').waitFor();
    await page.getByRole('button', { name: 'containers', exact: true }).click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get('order') === 'containers:desc');
    await world.shot('containers-images');
    await page.getByRole('button', { name: 'Pods' }).click();
    await line('front-5d9f-0').waitFor();
    await world.shot('containers-pods');
    await page.getByRole('button', { name: 'Containers', exact: true }).click();
    await line(told.lateName).getByRole('link', { name: told.lateName }).click();
    await settled(page);
    check(Number(/\d+/.exec(await total(page).textContent())[0]) === 7, `the events of a container: ${await total(page).textContent()}`);
    // An event that left before the name was known shows it all the same.
    await page.getByRole('row').nth(3).locator('.cell').first().click();
    await page.locator('.ways').getByText(told.lateName).waitFor();
    await page.locator('.ways').getByText(/learnt .* later|known from other events/).waitFor();
    await world.shot('event-container');
    await liveContainer(world);
  },

  ...fileSteps,

  async 'what is lost'(world) {
    if (world.server.kind === 'mock') return void world.notes.push('ignored: the mock does not list holes');
    const { page, server } = world;
    const told = losses();
    await send(world, 'health', told.documents);
    await page.goto(`${server.origin}/ui/lost?from=now-15m`);
    await page.waitForFunction((host) => {
      if (document.querySelector('main')?.textContent.includes(host)) return true;
      document.querySelector('button[title^=Refresh]')?.click();
      return false;
    }, told.host, { timeout: 30_000, polling: 700 });
    check(/1,216 records/.test(await page.locator('.verdict h2').textContent()), 'the verdict does not say how much');
    await page.getByText('the kernel’s backlog was full', { exact: false }).or(page.getByText("kernel's backlog was full", { exact: false })).first().waitFor();
    await page.locator('.partly').waitFor();
    await world.shot('lost');
    await page.screenshot({ path: join(world.out, 'lost-whole.png'), fullPage: true });
    await axe(world, 'what is lost');
    await page.locator('tr', { hasText: told.host }).getByRole('link', { name: 'Events around' }).first().click();
    await settled(page);
    check(state(page).get('q') === `host.name:"${told.host}"`, `around a hole: ${state(page).get('q')}`);
    // A search whose time has a hole says so.
    await page.locator('.banner.warn', { hasText: 'This time has 3 holes' }).waitFor();
    await world.shot('search-hole');
    await axe(world, 'a search with a hole');
    await page.getByRole('link', { name: 'What is lost' }).last().click();
    await page.getByRole('heading', { name: 'Why' }).waitFor();
  },

  async 'agents and health'(world) {
    const { page, server } = world;
    await page.goto(`${server.origin}/ui/health`);
    await page.getByRole('heading', { name: 'Server' }).waitFor();
    await page.getByRole('heading', { name: 'Windows of the store' }).waitFor();
    await page.locator('table').first().waitFor();
    check((await page.locator('.failure').count()) === 0, `health shows a failure: ${await page.locator('.failure').allTextContents()}`);
    await world.shot('health');
    await axe(world, 'health');
    await page.goto(`${server.origin}/ui/account`);
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.getByText('this one').waitFor();
    await page.getByRole('heading', { name: 'Users' }).waitFor();
    await world.shot('account');
    await axe(world, 'the account');
  },

  async 'dark, narrow and large'(world) {
    const { browser, context, server, complaints } = world;
    const storage = await context.storageState();
    const cases = [
      ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 720 } }], ['reduced-motion', { reducedMotion: 'reduce', viewport: { width: 1280, height: 720 } }],
      ['zoom-200', { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 }], ['wide', { viewport: { width: 1920, height: 1080 } }],
    ];
    for (const [name, options] of cases) {
      const other = await browser.newContext({ ...options, storageState: storage, timezoneId: 'UTC' });
      const page = await other.newPage();
      page.on('console', (message) => message.type() === 'error' && complaints.push(`console (${name}): ${message.text()}`));
      const views = [['search', '/ui/search?from=*'], ['tail', '/ui/tail'], ['health', '/ui/health']];
      if (server.kind !== 'mock') views.push(['lost', '/ui/lost?from=now-1h'], ['containers', '/ui/containers?from=*'], ['files', '/ui/files?from=now-24h'], ['files-trust', '/ui/files?from=now-24h&part=trust']);
      if (world.entity) views.push(['process', `/ui/process?entity=${encodeURIComponent(world.entity)}`]);
      for (const [view, path] of views) {
        await page.goto(server.origin + path);
        await page.getByRole('navigation', { name: 'Views' }).waitFor();
        if (view === 'search') await settled(page);
        if (view === 'search') await page.locator('.plot canvas').waitFor().catch(() => undefined);
        if (view === 'health') await page.getByRole('heading', { name: 'Windows of the store' }).waitFor();
        if (view === 'lost') await page.locator('.partly').waitFor();
        if (view === 'containers') await page.locator('tbody tr').first().waitFor();
        if (view === 'files') await page.locator('[role=grid] .row').first().waitFor();
        if (view === 'files-trust') await page.getByRole('heading', { name: /^Coverage holes/ }).waitFor();
        if (view === 'process') await treeLine(page, 'make').waitFor();
        await world.shot(`${view}-${name}`, page);
        const clipped = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
        check(!clipped, `${view} is wider than the window (${name})`);
        await axe(world, `${view} (${name})`, page);
      }
      await other.close();
    }
  },

  async 'server away'(world) {
    const { page, context } = world;
    await goto(world, '/ui/search?from=*');
    world.expected.push(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
    await context.setOffline(true);
    try {
      await page.keyboard.press('.');
      await page.locator('.banner.error').first().waitFor();
      check((await rows(page).count()) > 0, 'a server that is away empties the table');
      check(await page.getByText('No events match').isHidden(), 'a server that is away looks like no events');
      await world.shot('server-away');
    } finally {
      await context.setOffline(false);
    }
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await page.locator('.banner.error').first().waitFor({ state: 'detached' });
    world.expected.length = 0;
  },

  async 'a session ended in another tab'(world) {
    const { page, context, server } = world;
    await goto(world, '/ui/search?from=*&q=event.outcome%3Asuccess');
    const other = await context.newPage();
    await other.goto(`${server.origin}/ui/search`);
    await other.getByRole('button', { name: /^Account of/ }).click();
    world.expected.push(/status of 401/);
    await other.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
    check(state(page).get('q') === 'event.outcome:success' && (await bar(page).inputValue()) === 'event.outcome:success', 'the query is gone with the session');
    await world.shot('session-ended');
    await axe(world, 'the end of a session');
    await other.close();
    world.expected.length = 0;
  },
};

/** The line of a process in the tree. */
const treeLine = (page, name) => page.locator('[role=treeitem]', { has: page.locator('.what', { hasText: new RegExp(`^\\s*${name}\\s*$`) }) });

/** Does something that adds lines to the tree, and waits for them. */
async function grows(page, action) {
  const before = await page.locator('.sizer').evaluate((sizer) => sizer.clientHeight);
  await action();
  await page.waitForFunction((height) => document.querySelector('.sizer').clientHeight > height, before);
}

/** A real process of this host: from its exec to its parent. */
async function liveTree(world) {
  const off = await whyNoKernelAudit(world);
  if (off !== '') return void world.notes.push(`ignored: the tree of a process of this host (${off})`);
  const { page, server } = world;
  const live = runOwnProgram();
  try {
    await goto(world, `/ui/search?from=*&q=${encodeURIComponent(`process.executable:*${live.name}`)}`);
    await refreshUntilRows(page, 1);
    await rows(page).first().locator('.cell').first().click();
    await page.getByRole('link', { name: 'Process tree' }).click();
    await page.locator('[role=treeitem].focus').waitFor();
    check((await page.locator('[role=treeitem].focus').textContent()).includes('e2e-'), 'the tree is not of the program that was run');
    check(Number(await page.locator('[role=treeitem].focus').getAttribute('aria-level')) > 1, 'a process of this host has no ancestors');
    await world.shot('process-tree-live');
    const level = await page.locator('[role=treeitem].focus').getAttribute('aria-level');
    world.notes.push(`a process of this host stands ${Number(level) - 1} levels under the top of its tree`);
  } finally {
    live.stop();
  }
  await page.goto(`${server.origin}/ui/search`);
}

/** A real container of this host: its row, its events, its first process in the tree. */
async function liveContainer(world) {
  const off = await whyNoKernelAudit(world);
  if (off !== '') return void world.notes.push(`ignored: a container of this host (${off})`);
  const { page, server } = world;
  const box = runContainer();
  if (box.why) {
    check(process.env.AUDITNG_LIVE !== 'require', `a live container is required, but ${box.why}`);
    return void world.notes.push(`ignored: a container of this host (${box.why})`);
  }
  try {
    await page.goto(`${server.origin}/ui/containers?from=now-15m&find=${box.name}`);
    await page.waitForFunction((name) => {
      const row = document.querySelector('tbody tr')?.textContent ?? '';
      if (row.includes(name) && row.includes('auditng-e2e')) return true;
      document.querySelector('button[title^=Refresh]')?.click();
      return false;
    }, box.name, { timeout: 30_000, polling: 700 });
    await world.shot('containers-live');
    await page.getByRole('link', { name: box.name }).click();
    await settled(page);
    await refreshUntilRows(page, 3);
    await ask(page, `${state(page).get('q')} process.args:nothing-of-this-name`);
    await refreshUntilRows(page, 1);
    await rows(page).first().locator('.cell').first().click();
    await page.locator('.ways').getByText(box.name).waitFor();
    await page.getByRole('link', { name: 'Process tree' }).click();
    await page.locator('[role=treeitem].focus', { hasText: box.name }).waitFor();
    await world.shot('process-tree-container');
    check((await page.locator('[role=treeitem] .crosses').count()) > 0, 'where the container begins does not show in the tree of a real one');
    world.notes.push(`a container of podman, ${box.name}, came to the list and the tree`);
  } finally {
    box.stop();
  }
}

/** Events as an attacker would make them; returns the name to find them by. */
async function sendHostile(world) {
  const name = `hostile-${Date.now().toString(36)}`;
  const args = ['photo\u202egpj.exe', '<img src=x onerror="window.pwned=1">', '\u001b[31mred', 'nul\u0000byte', 'zero\u200bwidth', 'A'.repeat(65_536)];
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, `v${i}`]));
  await send(world, 'audit', args.map((arg, i) => ({ '@timestamp': new Date().toISOString(), process: { name, args: ['cat', arg] }, ...(i === 0 && { labels: many }) })));
  return name;
}

/** Something that happens while the tail is watched: a program of our own seen by the kernel, else what a shipper sends. */
async function makeEvents(world) {
  if (world.server.kind === 'mock') return { again: () => undefined, stop: () => undefined, why: 'made-up events of the mock, not a real server' };
  const off = await whyNoKernelAudit(world);
  if (off === '') return runOwnProgram();
  check(process.env.AUDITNG_LIVE !== 'require', `a live exec is required, but ${off}`);
  const again = () => void sendHostile(world);
  again();
  return { again, stop: () => undefined, why: `ignored: a new exec on this host (${off}); the tail watched events sent through _bulk` };
}

/** Empty if an agent of this server reads the kernel's audit; else the reason. */
async function whyNoKernelAudit({ context, server }) {
  if (process.getuid?.() !== 0) return 'this test does not run as root';
  const deadline = Date.now() + 10_000;
  for (;;) {
    const agents = await (await context.request.get(`${server.origin}/api/agents`)).json();
    const audit = agents.flatMap((agent) => agent.sources).find((source) => source.name.startsWith('audit'));
    if (audit?.state === 'on' || audit?.state === 'degraded') return '';
    if (audit && audit.reason !== 'not started') return `the audit source is ${audit.state}: ${audit.reason ?? 'no reason given'}`;
    if (Date.now() > deadline) return 'no agent reports an audit source';
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function runOwnProgram() {
  const dir = mkdtempSync(join(tmpdir(), 'auditng-e2e-'));
  const name = `e2e-${process.pid}-${Date.now().toString(36)}`;
  const program = join(dir, name);
  copyFileSync(existsSync('/bin/true') ? '/bin/true' : '/usr/bin/true', program);
  const again = () => spawnSync(program);
  const timer = setInterval(again, 500);
  again();
  return { name, again, stop: () => (clearInterval(timer), rmSync(dir, { recursive: true, force: true })) };
}
