CREATE TABLE "suppressions" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"email_hash" "bytea" NOT NULL,
	"email" text,
	"list" text DEFAULT '' NOT NULL,
	"reason" text NOT NULL,
	"scope" text NOT NULL,
	"esp" text,
	"message_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_versions" (
	"account_id" text NOT NULL,
	"template_id" text NOT NULL,
	"version" integer NOT NULL,
	"default_language" text NOT NULL,
	"texts" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "template_versions_account_id_template_id_version_pk" PRIMARY KEY("account_id","template_id","version")
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"account_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "templates_account_id_id_pk" PRIMARY KEY("account_id","id")
);
--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "list" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "template_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "template_version" integer;--> statement-breakpoint
CREATE UNIQUE INDEX "suppressions_recipient" ON "suppressions" USING btree ("account_id","email_hash","list","reason");--> statement-breakpoint
CREATE INDEX "suppressions_account" ON "suppressions" USING btree ("account_id","id");