-- The tables of the original system, with its columns, enums, defaults and indexes; the companion job service reads some of them.
CREATE TYPE user_role AS ENUM ('user', 'admin', 'superadmin');
CREATE TYPE task_status AS ENUM ('created', 'queued', 'in_progress', 'waiting_human', 'completed', 'failed', 'cancelled');
CREATE TYPE application_mode AS ENUM ('copilot', 'autopilot');
CREATE TYPE platform AS ENUM ('linkedin', 'greenhouse', 'lever', 'workday', 'unknown');
CREATE TYPE external_status AS ENUM ('applied', 'viewed', 'interview', 'rejected', 'offer', 'ghosted');
CREATE TYPE resume_status AS ENUM ('uploading', 'parsing', 'parsed', 'parse_failed');
CREATE TYPE qa_usage_mode AS ENUM ('always_use', 'ask_each_time', 'decline_to_answer');
CREATE TYPE answer_source AS ENUM ('user_input', 'resume_inferred', 'application_learned');
CREATE TYPE consent_type AS ENUM ('tos_acceptance', 'privacy_policy', 'copilot_disclaimer', 'autopilot_consent');
CREATE TYPE browser_profile_status AS ENUM ('available', 'in_use', 'error', 'retired');
CREATE TYPE proxy_status AS ENUM ('active', 'blocked', 'expired');
CREATE TYPE sandbox_environment AS ENUM ('dev', 'staging', 'prod');
CREATE TYPE sandbox_status AS ENUM ('provisioning', 'active', 'stopping', 'stopped', 'terminated', 'unhealthy');
CREATE TYPE sandbox_health_status AS ENUM ('healthy', 'degraded', 'unhealthy');
CREATE TYPE browser_engine AS ENUM ('chromium', 'adspower');
CREATE TYPE ec2_status AS ENUM ('pending', 'running', 'stopping', 'stopped', 'terminated');

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(255) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    avatar_url text,
    google_id varchar(255) UNIQUE,
    password_hash varchar(255),
    email_verified boolean NOT NULL DEFAULT false,
    email_verification_token varchar(255),
    email_verification_expiry timestamptz,
    password_reset_token varchar(255),
    password_reset_expiry timestamptz,
    phone varchar(50),
    location varchar(255),
    linkedin_url varchar(500),
    github_url varchar(500),
    portfolio_url varchar(500),
    work_history jsonb NOT NULL DEFAULT '[]',
    education jsonb NOT NULL DEFAULT '[]',
    skills jsonb NOT NULL DEFAULT '[]',
    certifications jsonb NOT NULL DEFAULT '[]',
    languages jsonb NOT NULL DEFAULT '[]',
    preferences jsonb NOT NULL DEFAULT '{}',
    stripe_customer_id varchar(255) UNIQUE,
    role user_role NOT NULL DEFAULT 'user',
    subscription_tier varchar(50) NOT NULL DEFAULT 'free',
    is_active boolean NOT NULL DEFAULT true,
    accepted_disclaimer_version varchar(20),
    accepted_disclaimer_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deletion_scheduled_at timestamptz
);

CREATE TABLE resumes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    filename varchar(255) NOT NULL,
    file_key varchar(500) NOT NULL,
    file_size_bytes integer NOT NULL,
    mime_type varchar(100) NOT NULL,
    is_default boolean NOT NULL DEFAULT false,
    status resume_status NOT NULL DEFAULT 'uploading',
    parsed_data jsonb,
    parsing_confidence real,
    raw_text text,
    created_at timestamptz NOT NULL DEFAULT now(),
    parsed_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX resumes_user_id_idx ON resumes (user_id);

CREATE TABLE proxy_bindings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider varchar(50) NOT NULL DEFAULT 'iproyal',
    proxy_type varchar(20) NOT NULL DEFAULT 'socks5',
    hostname varchar(255) NOT NULL,
    port integer NOT NULL,
    username varchar(255),
    encrypted_password varchar(500),
    country varchar(10) NOT NULL DEFAULT 'US',
    ip_address varchar(45),
    session_id varchar(255),
    status proxy_status NOT NULL DEFAULT 'active',
    blocked_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE browser_profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    platform varchar(50) NOT NULL,
    adspower_profile_id varchar(100) NOT NULL UNIQUE,
    proxy_binding_id uuid,
    fingerprint_config jsonb NOT NULL,
    status browser_profile_status NOT NULL DEFAULT 'available',
    session_healthy boolean NOT NULL DEFAULT false,
    total_tasks_completed integer NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX browser_profiles_user_platform_idx ON browser_profiles (user_id, platform);

CREATE TABLE sandboxes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    environment sandbox_environment NOT NULL,
    instance_id varchar(50) NOT NULL UNIQUE,
    instance_type varchar(50) NOT NULL,
    public_ip varchar(45),
    private_ip varchar(45),
    status sandbox_status NOT NULL DEFAULT 'provisioning',
    health_status sandbox_health_status NOT NULL DEFAULT 'unhealthy',
    last_health_check_at timestamptz,
    capacity integer NOT NULL DEFAULT 5,
    current_load integer NOT NULL DEFAULT 0,
    ssh_key_name varchar(255),
    novnc_url text,
    adspower_version varchar(50),
    browser_engine browser_engine NOT NULL DEFAULT 'adspower',
    browser_config jsonb,
    tags jsonb,
    ec2_status ec2_status DEFAULT 'stopped',
    auto_stop_enabled boolean NOT NULL DEFAULT false,
    idle_minutes_before_stop integer NOT NULL DEFAULT 30,
    last_started_at timestamptz,
    last_stopped_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sandboxes_status_idx ON sandboxes (status);
CREATE INDEX sandboxes_environment_idx ON sandboxes (environment);

-- Deprecated in the original and kept only so that its data survives an import.
CREATE TABLE sandbox_secrets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sandbox_id uuid NOT NULL REFERENCES sandboxes ON DELETE CASCADE,
    key varchar(255) NOT NULL,
    encrypted_value text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    job_url text NOT NULL,
    platform platform NOT NULL DEFAULT 'unknown',
    status task_status NOT NULL DEFAULT 'created',
    mode application_mode NOT NULL DEFAULT 'copilot',
    resume_id uuid REFERENCES resumes ON DELETE SET NULL,
    job_title varchar(500),
    company_name varchar(255),
    job_location varchar(255),
    external_status external_status,
    progress integer NOT NULL DEFAULT 0,
    current_step varchar(100),
    confidence_score real,
    match_score real,
    fields_filled integer NOT NULL DEFAULT 0,
    duration_seconds integer,
    error_code varchar(100),
    error_message text,
    retry_count integer NOT NULL DEFAULT 0,
    workflow_run_id varchar(255),
    browser_profile_id uuid REFERENCES browser_profiles ON DELETE SET NULL,
    screenshots jsonb NOT NULL DEFAULT '{}',
    llm_usage jsonb NOT NULL DEFAULT '{}',
    notes text,
    sandbox_id uuid REFERENCES sandboxes ON DELETE SET NULL,
    interaction_type varchar(50),
    interaction_data jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz
);
CREATE INDEX tasks_user_status_idx ON tasks (user_id, status);
CREATE INDEX tasks_user_created_idx ON tasks (user_id, created_at);
CREATE INDEX tasks_status_idx ON tasks (status);
CREATE INDEX tasks_interaction_type_idx ON tasks (interaction_type) WHERE interaction_type IS NOT NULL;
CREATE INDEX tasks_sandbox_idx ON tasks (sandbox_id) WHERE sandbox_id IS NOT NULL;
CREATE INDEX tasks_sandbox_status_idx ON tasks (sandbox_id, status) WHERE sandbox_id IS NOT NULL;
CREATE INDEX tasks_workflow_run_idx ON tasks (workflow_run_id) WHERE workflow_run_id IS NOT NULL;

CREATE TABLE task_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    event_type varchar(100) NOT NULL,
    from_status varchar(50),
    to_status varchar(50),
    event_data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX task_events_task_created_idx ON task_events (task_id, created_at);

CREATE TABLE qa_bank (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    category varchar(50) NOT NULL,
    question text NOT NULL,
    answer text NOT NULL,
    usage_mode qa_usage_mode NOT NULL DEFAULT 'always_use',
    source answer_source NOT NULL DEFAULT 'user_input',
    times_used integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX qa_bank_user_idx ON qa_bank (user_id);

CREATE TABLE consent_records (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    type consent_type NOT NULL,
    version varchar(20) NOT NULL,
    ip_address varchar(45) NOT NULL,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX consent_records_user_idx ON consent_records (user_id, type, version);

CREATE TABLE application_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    field_name varchar(255) NOT NULL,
    field_type varchar(50) NOT NULL,
    value text,
    source varchar(50) NOT NULL,
    confidence real NOT NULL,
    qa_bank_entry_id uuid,
    user_overridden boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    filled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX application_results_task_idx ON application_results (task_id);

CREATE TABLE application_fields (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    application_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    field_name varchar(255) NOT NULL,
    field_value text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX application_fields_application_idx ON application_fields (application_id);

CREATE TABLE audit_trail (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id varchar(255) NOT NULL,
    action varchar(255) NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_trail_user_idx ON audit_trail (user_id, created_at);

CREATE TABLE notifications (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    type varchar(100) NOT NULL,
    title varchar(255) NOT NULL,
    body text NOT NULL,
    read boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notifications_user_idx ON notifications (user_id, created_at);

CREATE TABLE action_manuals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    url_pattern text NOT NULL,
    platform varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    version integer NOT NULL DEFAULT 1,
    health_score real NOT NULL DEFAULT 1,
    total_runs integer NOT NULL DEFAULT 0,
    success_count integer NOT NULL DEFAULT 0,
    failure_count integer NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX action_manuals_platform_idx ON action_manuals (platform);

CREATE TABLE manual_steps (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    manual_id uuid NOT NULL REFERENCES action_manuals ON DELETE CASCADE,
    step_order integer NOT NULL,
    action varchar(50) NOT NULL,
    selector text,
    fallback_selector text,
    value text,
    description text,
    element_type varchar(50),
    wait_after_ms integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX manual_steps_order_idx ON manual_steps (manual_id, step_order);
