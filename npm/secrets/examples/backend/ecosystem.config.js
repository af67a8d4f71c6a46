module.exports = {
  apps: [
    {
      name: 'permits',
      script: 'src/server.js',
      exec_mode: 'cluster',
      instances: 2,
      wait_ready: true,
      listen_timeout: 30_000,
      kill_timeout: 15_000,
      // Every secret is loaded before the first line of src/server.js.
      node_args: '--import @permisos/secrets/register',
    },
  ],
};
