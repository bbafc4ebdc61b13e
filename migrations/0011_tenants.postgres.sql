CALL protect_tenant_rows('widgets');
CALL protect_tenant_rows('token_links');
