CREATE TABLE "suppression_pulls" (
	"esp" text PRIMARY KEY NOT NULL,
	"pulled_at" timestamp with time zone,
	"last_error" text,
	"added" integer DEFAULT 0 NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
