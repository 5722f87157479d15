"""Tests of the dashboard and the alert rules that need no program beside Python."""
