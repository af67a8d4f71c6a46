module.exports = {
  apps: [
    {
      name: 'permits',
      script: 'server.js',
      exec_mode: 'cluster',
      instances: 2,
      wait_ready: true,
      listen_timeout: 30_000,
    },
  ],
};
