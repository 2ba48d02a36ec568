// Runs before start and test. npm puts node_modules/.bin first in the PATH, so this is the project's own
// Node; an older one means that `npm ci` has not run, or ran without install scripts.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 && !(major === 22 && minor >= 19)) {
  console.error(
    `express-logto-permit needs Node 24, this is ${process.version}.\nMend it: run "npm ci" in this folder (it installs Node 24 as a dependency), then use the npm scripts.`,
  );
  process.exit(2);
}
