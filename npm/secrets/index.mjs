// One copy of the code and its state, whether it is imported or required.
export * from './dist/index.js';
