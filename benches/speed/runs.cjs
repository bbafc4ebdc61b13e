// The peer of ./bench runs: a BullMQ worker that inserts one row per job with `pg`, driven like queue.cjs.
'use strict';

const { Queue, Worker } = require('bullmq');
const { Pool } = require('pg');
const [port, database] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue('peer', { connection });
const pool = new Pool({ connectionString: database, max: 10 });
const INSERT = 'INSERT INTO results (id, tenant, state, result, finished_at) VALUES ($1, $2, $3, $4, now())';

async function work({ data, id }) {
  await pool.query(INSERT, [id, data.tenant, 'SUCCEEDED', JSON.stringify({ ok: true })]);
}

const steps = {
  // From the first add until every row is committed and every job is completed.
  async durable({ jobs, concurrency }) {
    const options = { connection, concurrency, removeOnComplete: { count: 1000 } };
    const worker = new Worker('peer', work, options);
    await worker.waitUntilReady();
    let done = 0;
    const all = new Promise(resolve => worker.on('completed', () => { if (++done === jobs) resolve(); }));
    const began = performance.now();
    for (let from = 0; from < jobs; from += 500) {
      const size = Math.min(500, jobs - from);
      await queue.addBulk(Array.from({ length: size }, (_, n) => ({ name: 'run', data: { id: from + n, tenant: `tenant-${n % 50}` } })));
    }
    await all;
    const took = performance.now() - began;
    await worker.close();
    const { rows } = await pool.query('SELECT count(*)::int AS count FROM results');
    await pool.query('TRUNCATE results');
    if (rows[0].count !== jobs) throw new Error(`${rows[0].count} of ${jobs} rows are there`);
    return took;
  },
};

(async () => {
  await queue.waitUntilReady();
  await pool.query('CREATE TABLE IF NOT EXISTS results (id text PRIMARY KEY, tenant text, state text, result jsonb, finished_at timestamptz)');
  process.stdout.write('{}\n');
  for await (const line of require('node:readline').createInterface({ input: process.stdin })) {
    const { step, ...given } = JSON.parse(line);
    const took = (await steps[step](given)) ?? null;
    process.stdout.write(`${JSON.stringify({ took })}\n`);
  }
  process.exit(0);
})();
