CREATE TABLE accounts (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  email text NOT NULL UNIQUE,
  password_hash text NOT NULL,
  is_operator boolean NOT NULL DEFAULT false
);

CREATE TABLE permits (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  account_id integer NOT NULL REFERENCES accounts,
  plate text NOT NULL,
  state text NOT NULL DEFAULT 'requested',
  payment text
);
