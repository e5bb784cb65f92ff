/** One line that says what happened, from the fields that matter for this kind of event. */
import type { Source } from '../api/types';
import { textOf, valuesOf } from './flatten';

/** The name of the made-up column; it is no field and cannot be searched or sorted by. */
export const SUMMARY = 'summary';

export function summaryOf(source: Source): string {
  return loss(source) || login(source) || network(source) || file(source) || command(source) || told(source);
}

export function isLoss(source: Source): boolean {
  return valuesOf(source, 'event.action').includes('source-loss');
}

export function isFailure(source: Source): boolean {
  return textOf(source, 'event.outcome') === 'failure';
}

function loss(source: Source): string {
  if (!isLoss(source)) return '';
  const count = textOf(source, 'auditng.loss.count');
  const what = count === '' ? 'an unknown number of events' : `${count} ${textOf(source, 'auditng.loss.unit') || 'events'}`;
  return `lost ${what} at ${textOf(source, 'auditng.loss.stage')}: ${textOf(source, 'auditng.loss.reason')}`;
}

function login(source: Source): string {
  const categories = valuesOf(source, 'event.category');
  if (!categories.includes('authentication') && !categories.includes('session')) return '';
  const target = textOf(source, 'user.target.name') || textOf(source, 'user.effective.name') || textOf(source, 'user.name');
  const from = textOf(source, 'source.ip') || textOf(source, 'source.address') || textOf(source, 'source.domain');
  return spaced(textOf(source, 'event.action'), target && `as ${target}`, from && `from ${from}`, by(source));
}

function network(source: Source): string {
  const address = textOf(source, 'destination.ip') || textOf(source, 'destination.address') || textOf(source, 'destination.path');
  if (address === '') return '';
  const port = textOf(source, 'destination.port');
  const where = port === '' ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return spaced(textOf(source, 'process.executable') || textOf(source, 'process.name'), '→', where, errno(source));
}

function file(source: Source): string {
  const path = textOf(source, 'file.path');
  const categories = valuesOf(source, 'event.category');
  if (path === '' || (categories.includes('process') && valuesOf(source, 'process.args').length > 0)) return '';
  const target = textOf(source, 'file.target_path');
  return spaced(path, target && `→ ${target}`, by(source), errno(source));
}

function command(source: Source): string {
  const line = textOf(source, 'process.command_line') || valuesOf(source, 'process.args').join(' ')
    || textOf(source, 'process.title') || textOf(source, 'process.executable');
  return line === '' ? '' : spaced(line, errno(source));
}

function told(source: Source): string {
  return textOf(source, 'message') || textOf(source, 'error.message') || textOf(source, 'event.reason') || textOf(source, 'event.original');
}

function by(source: Source): string {
  const process = textOf(source, 'process.executable') || textOf(source, 'process.name');
  return process === '' ? '' : `by ${process}`;
}

function errno(source: Source): string {
  const name = textOf(source, 'auditng.errno') || (isFailure(source) ? textOf(source, 'error.code') : '');
  return name === '' ? '' : `(${name})`;
}

const spaced = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');
