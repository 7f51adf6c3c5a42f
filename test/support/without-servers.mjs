// A run of both projects starts the shared servers; specs of the project `unit` must not come to depend on them.
delete process.env.TEST_REDIS_URL;
delete process.env.TEST_POSTGRES_URL;
