import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The page lives under /ui/ and everything it needs comes from the same origin: nothing is inlined (the server's content
// policy forbids inline script and style) and nothing is loaded from elsewhere.
export default defineConfig({
  base: '/ui/',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    modulePreload: { polyfill: false },
    manifest: 'manifest.json',
    reportCompressedSize: false,
    // What the first view needs is few files: each one alone compresses worse. What only a later view needs stays with it.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', test: /ui\/src\/(api|event|parts|query|state|table|time|value)\//, minShareCount: 2, includeDependenciesRecursively: false }] } } },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
