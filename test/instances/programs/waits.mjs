// Says where its node runs, which then waits until it is told to end.
import { Node, Pipeline } from 'remotemedia';

class Waits extends Node {
  async process(_, { signal }) {
    console.log(`in ${process.pid}`);
    await new Promise((resolve) => {
      const timer = setInterval(() => {}, 1000);
      signal.addEventListener('abort', () => {
        clearInterval(timer);
        resolve();
      });
    });
  }

  cleanup() {
    console.log('cleaned up');
  }
}

await new Pipeline([new Waits({ executor: process.argv[2], name: 'waits' })]).run('x').catch((error) => {
  console.log(error.name);
});
