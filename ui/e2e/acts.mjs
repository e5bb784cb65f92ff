// What every step does: look at places of the page, wait for it, and check it.

const SERIOUS = new Set(['serious', 'critical']);

export function check(condition, text) {
  if (!condition) throw new Error(text);
}

export const bar = (page) => page.getByRole('combobox', { name: 'Query' });
export const rows = (page) => page.locator('[role=grid] .row');
export const total = (page) => page.locator('.status strong');
export const state = (page) => new URL(page.url()).searchParams;

export async function settled(page) {
  await page.waitForFunction(() => {
    const middle = document.querySelector('.middle');
    return middle !== null && middle.getAttribute('aria-busy') === 'false' && document.querySelector('.status strong') !== null;
  });
}

export async function goto({ page, server }, path) {
  await page.goto(server.origin + path);
  await settled(page);
}

export async function ask(page, query) {
  await bar(page).fill(query);
  await bar(page).press('Enter');
  await page.waitForFunction((wanted) => (new URL(location.href).searchParams.get('q') ?? '') === wanted, query);
  await settled(page);
}

/** Events become searchable within two seconds: asks again until they are. */
export async function refreshUntilRows(page, wanted) {
  const enough = (least) => {
    if (document.querySelectorAll('[role=grid] .row').length >= least) return true;
    document.querySelector('button[title^=Refresh]').click();
    return false;
  };
  await page.waitForFunction(enough, wanted, { timeout: 30_000, polling: 500 });
}

export async function axe(world, where, page = world.page) {
  // Through the debugger, not as a script element: the policy of the page stays in force.
  await page.evaluate(world.axeSource);
  const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = result.violations.filter((violation) => SERIOUS.has(violation.impact));
  const text = serious.map((violation) => `${violation.id}: ${violation.help}\n${violation.nodes.slice(0, 3).map((node) => `    ${node.html.slice(0, 200)}\n    ${node.failureSummary}`).join('\n')}`);
  check(serious.length === 0, `axe in ${where}:\n${text.join('\n')}`);
}
